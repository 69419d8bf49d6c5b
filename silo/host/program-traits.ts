// What can be told of a program's flows before they run: pure, over the IR. A flow has what the flows that it calls have.
import type { IRBlock, IRFlow, IRModule, IRStmt } from '../../lib/lang/index.ts';

export interface FlowTraits {
  /** It may reach a checkpoint, so its execution may outlive its turn. */
  readonly maySuspend: boolean;
  /** It asks models, which takes its time. */
  readonly callsModels: boolean;
  readonly emits: boolean;
  readonly usesMemory: boolean;
  /** It may wait for something outside of the turn, and has to hear when nobody waits for it any more. */
  readonly mayWait: boolean;
}

type Found = { -readonly [K in keyof FlowTraits]: boolean } & { readonly calls: Set<string> };

/** By name, of flows and functions. */
export function traitsOf(module: IRModule): ReadonlyMap<string, FlowTraits> {
  const all = [...module.flows, ...module.functions];
  const own = new Map(all.map((flow) => [flow.name, look(flow)]));
  return new Map(all.map(({ name }) => [name, withCalled(name, own)]));
}

function withCalled(name: string, own: ReadonlyMap<string, Found>): FlowTraits {
  const reached = new Set([name]);
  const traits = { maySuspend: false, callsModels: false, emits: false, usesMemory: false, mayWait: false };
  for (const at of reached) {
    const found = own.get(at);
    if (!found) continue;
    for (const called of found.calls) reached.add(called);
    traits.maySuspend ||= found.maySuspend;
    traits.callsModels ||= found.callsModels;
    traits.emits ||= found.emits;
    traits.usesMemory ||= found.usesMemory;
    traits.mayWait ||= found.mayWait;
  }
  return traits;
}

function look(flow: IRFlow): Found {
  const found: Found = {
    maySuspend: false,
    callsModels: false,
    emits: false,
    usesMemory: false,
    mayWait: false,
    calls: new Set(),
  };
  walk(flow.body, found);
  return found;
}

/** Every node of a tree of JSON data, whatever lists it stands in: a new kind of block cannot be forgotten here. */
function walk(node: unknown, found: Found): void {
  if (Array.isArray(node)) {
    for (const item of node as readonly unknown[]) walk(item, found);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  note(node as Partial<IRBlock | IRStmt> & { readonly flow?: unknown }, found);
  for (const item of Object.values(node)) walk(item, found);
}

function note(node: Partial<IRBlock | IRStmt> & { readonly flow?: unknown }, found: Found): void {
  switch (node.kind as string | undefined) {
    case 'checkpoint':
      found.maySuspend = true;
      break;
    case 'flag_and_checkpoint':
      // An action of `on_failure`.
      found.maySuspend = true;
      break;
    case 'flexible':
    case 'guarded':
    case 'model_call':
    case 'reference_search':
      found.callsModels = true;
      found.mayWait = true;
      break;
    case 'memory_op':
      found.usesMemory = true;
      if ((node as { readonly op?: unknown }).op === 'search') found.callsModels = found.mayWait = true;
      break;
    case 'core_call':
    case 'await_responses':
    case 'plugin_call':
      found.mayWait = true;
      break;
    case 'emit':
      found.emits = true;
      break;
    case 'flow_call':
    case 'pure_call':
      if (typeof node.flow === 'string') found.calls.add(node.flow);
      break;
    default:
  }
}
