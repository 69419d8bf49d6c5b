// E400, E405: what may stand in an explicit `@rigid`.
import type { FlowFacts } from './flow-facts.ts';
import { isModelBlock, isSearch, isSuspending, isUndetermined } from './flow-facts.ts';
import type { Find } from './finding.ts';
import type { Visitor } from './walk.ts';

export function rigidRule(facts: ReadonlyMap<string, FlowFacts>, find: Find): Visitor {
  return {
    block(block, { isRigid }) {
      if (!isRigid) return;
      if (isModelBlock(block)) find('E405', block, `@${block.kind} asks a model inside @rigid`);
      else if (block.kind === 'core_call' || block.kind === 'await_responses')
        find('E400', block, `@${block.kind} inside @rigid: another Core may answer otherwise next time`);
      else if (isSuspending(block)) find('E400', block, '@checkpoint inside @rigid: a person decides there');
    },
    stmt(stmt, { isRigid }) {
      if (!isRigid) return;
      if (stmt.kind === 'host_call' && isUndetermined(stmt))
        find('E400', stmt, `'${stmt.name}()' gives another value each time: call it before the @rigid`);
      if (isSearch(stmt)) find('E405', stmt, 'a search by similarity asks a model inside @rigid');
      if (stmt.kind !== 'flow_call') return;
      const called = facts.get(stmt.flow);
      if (called?.asksModel === true)
        find('E405', stmt, `'${stmt.flow}' asks a model, and is called in @rigid`);
      else if (called && (called.isNondeterministic || called.maySuspend))
        find('E400', stmt, `'${stmt.flow}' is not deterministic, and is called in @rigid`);
    },
  };
}
