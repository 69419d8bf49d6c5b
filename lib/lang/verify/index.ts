// The verifier's rules, in order: static passes over IR, whoever made it.
import type { IRModule } from '../ir/ir.ts';
import { checkEntityKey } from './entity-key.ts';
import type { Find, VerifierFinding } from './finding.ts';
import { factsOf } from './flow-facts.ts';
import { jumpRule } from './jumps.ts';
import { parallelRule } from './parallel.ts';
import { reachableRule } from './reachable.ts';
import { checkRecursion } from './recursion.ts';
import { rigidRule } from './rigid.ts';
import { checkSchedules } from './schedule.ts';
import { checkSearches } from './searches.ts';
import { walkFlow } from './walk.ts';

export type { VerifierFinding } from './finding.ts';
export { factsOf, type FlowFacts } from './flow-facts.ts';

/** What stands in the way of running `module`, whose shape is right. */
export function verifyModule(module: IRModule): readonly VerifierFinding[] {
  const findings: VerifierFinding[] = [];
  const find: Find = (code, node, message) => findings.push({ code, message, ...(node && { node }) });
  const facts = factsOf(module);
  checkEntityKey(module, find);
  checkSchedules(module, find);
  checkSearches(module, find);
  checkRecursion(module, facts, find);
  const rules = [rigidRule(facts, find), parallelRule(facts, find), reachableRule(find), jumpRule(find)];
  for (const flow of [...module.flows, ...module.functions]) for (const rule of rules) walkFlow(flow, rule);
  return findings;
}
