// E409: transformers, evaluators and pipelines do not call themselves, also not by way of others. Flows may; the engine
// bounds their depth.
import type { IRModule } from '../ir/ir.ts';
import type { FlowFacts } from './flow-facts.ts';
import type { Find } from './finding.ts';

export function checkRecursion(
  { functions }: IRModule,
  facts: ReadonlyMap<string, FlowFacts>,
  find: Find,
): void {
  for (const fn of functions) {
    const reached = new Set(facts.get(fn.name)?.calls);
    for (const at of reached) for (const next of facts.get(at)?.calls ?? []) reached.add(next);
    if (reached.has(fn.name)) find('E409', fn, `${fn.role} '${fn.name}' calls itself`);
  }
}
