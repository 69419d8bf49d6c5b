// What each flow does by itself and with all that it calls; many rules ask for it.
import type { IRBlock, IRFlow, IRModule, IRStmt } from '../ir/ir.ts';
import { walkFlow } from './walk.ts';

export interface FlowFacts {
  /** Asks a model. */
  readonly asksModel: boolean;
  /** Does something that another run would do otherwise: time, chance, other Cores. */
  readonly isNondeterministic: boolean;
  /** May be suspended: a checkpoint, or `flag_and_checkpoint`. */
  readonly maySuspend: boolean;
  readonly calls: ReadonlySet<string>;
}

/** Not deterministic; `log` is, in what the flow sees of it. */
const UNDETERMINED: ReadonlySet<string> = new Set(['now', 'today', 'random', 'random_int', 'uuid']);

export function isModelBlock(block: IRBlock): boolean {
  return block.kind === 'flexible' || block.kind === 'guarded' || block.kind === 'model_call';
}

export function isSuspending(block: IRBlock): boolean {
  if (block.kind === 'checkpoint') return true;
  if (block.kind !== 'flexible' && block.kind !== 'guarded') return false;
  return (block.on_failure ?? []).some(({ actions }) =>
    actions.some(({ kind }) => kind === 'flag_and_checkpoint'),
  );
}

export function isUndetermined(stmt: IRStmt): boolean {
  return stmt.kind === 'host_call' && UNDETERMINED.has(stmt.name);
}

export function isSearch(stmt: IRStmt): boolean {
  return stmt.kind === 'reference_search' || (stmt.kind === 'memory_op' && stmt.op === 'search');
}

/** By name, over all flows and functions; what is called is counted in. Linear but for the closure. */
export function factsOf(module: IRModule): ReadonlyMap<string, FlowFacts> {
  const own = new Map([...module.flows, ...module.functions].map((flow) => [flow.name, ownFacts(flow)]));
  const facts = new Map<string, FlowFacts>();
  for (const [name, mine] of own) {
    if (mine.calls.size === 0) {
      facts.set(name, mine);
      continue;
    }
    const reached = reachedFrom(name, own);
    const some = (test: (other: FlowFacts) => boolean): boolean =>
      test(mine) || [...reached].some((other) => test(own.get(other) ?? mine));
    facts.set(name, {
      asksModel: some(({ asksModel }) => asksModel),
      isNondeterministic: some(({ isNondeterministic }) => isNondeterministic),
      maySuspend: some(({ maySuspend }) => maySuspend),
      calls: mine.calls,
    });
  }
  return facts;
}

function reachedFrom(name: string, own: ReadonlyMap<string, FlowFacts>): ReadonlySet<string> {
  const reached = new Set(own.get(name)?.calls);
  for (const at of reached) for (const next of own.get(at)?.calls ?? []) reached.add(next);
  return reached;
}

function ownFacts(flow: IRFlow): FlowFacts {
  let asksModel = false;
  let isNondeterministic = false;
  let maySuspend = false;
  const calls = new Set<string>();
  walkFlow(flow, {
    block(block) {
      asksModel ||= isModelBlock(block);
      maySuspend ||= isSuspending(block);
      isNondeterministic ||= block.kind === 'core_call' || block.kind === 'await_responses';
    },
    stmt(stmt) {
      asksModel ||= isSearch(stmt);
      isNondeterministic ||= isUndetermined(stmt);
      if (stmt.kind === 'flow_call') calls.add(stmt.flow);
    },
  });
  return { asksModel, isNondeterministic, maySuspend, calls };
}
