// E406: a branch cannot stop at a checkpoint while others run.
import type { FlowFacts } from './flow-facts.ts';
import { isSuspending } from './flow-facts.ts';
import type { Find } from './finding.ts';
import type { Visitor } from './walk.ts';

export function parallelRule(facts: ReadonlyMap<string, FlowFacts>, find: Find): Visitor {
  return {
    block(block, { isParallel }) {
      if (!isParallel || !isSuspending(block)) return;
      find('E406', block, 'a flow cannot stop in a parallel branch: put the checkpoint before or after');
    },
    stmt(stmt, { isParallel }) {
      if (!isParallel || stmt.kind !== 'flow_call' || facts.get(stmt.flow)?.maySuspend !== true) return;
      find('E406', stmt, `'${stmt.flow}' may stop at a checkpoint, and is called in a parallel branch`);
    },
  };
}
