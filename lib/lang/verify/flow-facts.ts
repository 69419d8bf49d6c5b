// What each flow may do, by itself and with all that it calls: pure, over the IR. The verifier's rules ask for it, and hosts
// that have to know before a flow runs.
import { eachNode, type IRNode } from '../ir/each-node.ts';
import type { IRBlock, IRFlow, IRModule, IRStmt } from '../ir/ir.ts';

export interface FlowFacts {
  /** Asks a model, which takes its time. */
  readonly asksModel: boolean;
  /** Does something that another run would do otherwise: time, chance, other Cores. */
  readonly isNondeterministic: boolean;
  /** May be suspended: a checkpoint, or `flag_and_checkpoint`. */
  readonly maySuspend: boolean;
  readonly emits: boolean;
  readonly usesMemory: boolean;
  /** Asks somebody outside: models, plugins, other Cores. */
  readonly mayWait: boolean;
  /** What it calls itself, in statements and in expressions. */
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
  return new Map([...own.keys()].map((name) => [name, withCalled(name, own)]));
}

type Found = { -readonly [K in Exclude<keyof FlowFacts, 'calls'>]: boolean } & {
  readonly calls: Set<string>;
};

function noFacts(calls: Iterable<string> = []): Found {
  return {
    asksModel: false,
    isNondeterministic: false,
    maySuspend: false,
    emits: false,
    usesMemory: false,
    mayWait: false,
    calls: new Set(calls),
  };
}

function withCalled(name: string, own: ReadonlyMap<string, Found>): FlowFacts {
  const mine = own.get(name) ?? noFacts();
  if (mine.calls.size === 0) return mine;
  const facts = noFacts(mine.calls);
  const reached = new Set([name]);
  for (const at of reached) {
    const found = own.get(at);
    if (!found) continue;
    for (const called of found.calls) reached.add(called);
    facts.asksModel ||= found.asksModel;
    facts.isNondeterministic ||= found.isNondeterministic;
    facts.maySuspend ||= found.maySuspend;
    facts.emits ||= found.emits;
    facts.usesMemory ||= found.usesMemory;
    facts.mayWait ||= found.mayWait;
  }
  return facts;
}

/** `flag_and_checkpoint` is an action of `on_failure`. */
function ownFacts(flow: IRFlow): Found {
  const found = noFacts();
  eachNode([flow.body, flow.params], (node) => note(node, found));
  return found;
}

interface Node extends IRNode {
  readonly flow?: unknown;
  readonly op?: unknown;
  readonly name?: unknown;
}

function note({ kind, flow, op, name }: Node, found: Found): void {
  switch (kind) {
    case 'checkpoint':
    case 'flag_and_checkpoint':
      found.maySuspend = true;
      break;
    case 'flexible':
    case 'guarded':
    case 'model_call':
    case 'reference_search':
      found.asksModel = found.mayWait = true;
      break;
    case 'memory_op':
      found.usesMemory = true;
      if (op === 'search') found.asksModel = found.mayWait = true;
      break;
    case 'core_call':
    case 'await_responses':
      found.isNondeterministic = found.mayWait = true;
      break;
    case 'plugin_call':
      found.mayWait = true;
      break;
    case 'host_call':
      if (typeof name === 'string' && UNDETERMINED.has(name)) found.isNondeterministic = true;
      break;
    case 'emit':
      found.emits = true;
      break;
    case 'flow_call':
    case 'pure_call':
      if (typeof flow === 'string') found.calls.add(flow);
      break;
    default:
  }
}
