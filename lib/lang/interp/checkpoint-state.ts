// A suspended execution as data, and back. Owns what of a frame is kept: names, loops, budgets; never numbers of
// instructions or slots, which another version of the engine may choose differently.
//   C1. State that was stored is put back into frames of newly compiled flows by the paths of blocks and statements.
//   C2. A flow whose body changed is refused: its paths may lead somewhere else now.
import type { JsonValue } from '../ir/ir.ts';
import { Budget } from './budget.ts';
import { pathKey, pathOf } from './emitter.ts';
import { ScaiCoreError } from './errors.ts';
import type { Execution } from './execution.ts';
import { type CompiledFlow, Frame, type Region, type Task } from './frame.ts';
import type { ExecutionState, FrameState } from './host-environment.ts';
import { isObject } from './values.ts';

export interface ResumableProgram {
  flow(name: string): CompiledFlow;
  flowHash(name: string): string | undefined;
}

// ---- Out ----

export function stateOf(task: Task, program: ResumableProgram): ExecutionState {
  const { execution } = task;
  const nowMs = execution.env.clock.nowMs();
  const frames: FrameState[] = [];
  const hashes: Record<string, string> = {};
  for (let frame: Frame | undefined = task.frame; frame; frame = frame.caller) {
    const { name } = frame.flow.ir;
    frames.unshift(frameState(frame, nowMs));
    hashes[name] = program.flowHash(name) ?? '';
  }
  const { trigger, identity } = execution.request;
  return {
    state_version: 1,
    flow_hashes: hashes,
    frames,
    call_count: execution.callCount,
    ...(trigger && { trigger }),
    ...(identity !== undefined && { identity }),
  };
}

function frameState(frame: Frame, nowMs: number): FrameState {
  const { flow, slots } = frame;
  const scope: Record<string, JsonValue> = {};
  for (const owner of flow.owners) slots[owner] = null;
  for (const [name, slot] of flow.names) {
    const value = slots[slot];
    if (value !== null && value !== undefined) scope[name] = value;
  }
  return {
    flow: flow.ir.name,
    path: pathOf(flow.pathAt.get(frame.pc) ?? '[]'),
    scope,
    loops: loopsOf(frame, nowMs),
  };
}

/** Regions from the inside out, with the budget that belongs to each budget region. */
function loopsOf(frame: Frame, nowMs: number): Readonly<Record<string, JsonValue>> {
  const loops: Record<string, JsonValue> = {};
  let { budget } = frame;
  for (let region = frame.flow.regionAt[frame.pc]; region; region = region.parent) {
    if (region.kind === 'loop') loops[region.path] = savedSlots(frame, region);
    if (region.kind !== 'budget' || !budget) continue;
    loops[region.path] = budget.used(nowMs);
    budget = budget.parent;
  }
  return loops;
}

function savedSlots(frame: Frame, region: Region & { readonly kind: 'loop' }): JsonValue {
  const saved: Record<string, JsonValue> = {};
  for (const { name, slot } of region.saved) {
    const value = frame.slots[slot] ?? null;
    const variable = name === 'items' ? variableWith(frame, value) : undefined;
    // A loop over a variable that still is what it was needs no copy of it.
    if (variable !== undefined) saved['items_of'] = variable;
    // A list that the loop still adds to must not change in the state.
    else saved[name] = name === 'collected' && Array.isArray(value) ? value.slice() : value;
  }
  return saved;
}

function variableWith({ flow, slots }: Frame, value: JsonValue): string | undefined {
  for (const [name, slot] of flow.names) if (slots[slot] === value) return name;
  return undefined;
}

// ---- In ----

/** @throws CheckpointMismatchError */
export function checkState(state: ExecutionState, program: ResumableProgram): void {
  if (state.state_version !== 1)
    throw mismatch('it was written by another version of the runtime', 'resume it with that version');
  if (state.frames.length === 0) throw mismatch('it has no frames', 'it is damaged');
  for (const frame of state.frames) {
    const hash = program.flowHash(frame.flow);
    if (hash === undefined) throw mismatch(`the program has no flow '${frame.flow}'`);
    if (state.flow_hashes[frame.flow] !== hash)
      throw mismatch(`the body of flow '${frame.flow}' has changed`);
    if (!program.flow(frame.flow).resumeAt.has(pathKey(frame.path)))
      throw mismatch(`flow '${frame.flow}' has no place ${JSON.stringify(frame.path)} to go on from`);
  }
}

function mismatch(
  what: string,
  remedy = 'resume it with the bundle that it was made by, or let it expire',
): ScaiCoreError {
  return new ScaiCoreError('CheckpointMismatchError', `the checkpoint does not fit: ${what}; ${remedy}`);
}

/** The innermost frame; its callers hang on it. */
export function restoreFrames(state: ExecutionState, program: ResumableProgram, execution: Execution): Frame {
  execution.callCount = state.call_count;
  let frame: Frame | undefined;
  for (const saved of state.frames) frame = restoreFrame(saved, program, execution, frame);
  if (!frame) throw mismatch('it has no frames');
  execution.depth = frame.depth;
  return frame;
}

function restoreFrame(
  saved: FrameState,
  program: ResumableProgram,
  execution: Execution,
  caller: Frame | undefined,
): Frame {
  const flow = program.flow(saved.flow);
  const slots = flow.blank.slice();
  slots[0] = execution as unknown as JsonValue;
  for (const [name, slot] of flow.names)
    if (Object.hasOwn(saved.scope, name)) slots[slot] = saved.scope[name] ?? null;
  const frame = new Frame(flow, slots, caller, caller ? caller.depth + 1 : 0, caller?.budget);
  frame.pc = flow.resumeAt.get(pathKey(saved.path)) ?? 0;
  const regions: Region[] = [];
  for (let region = flow.regionAt[frame.pc]; region; region = region.parent) regions.unshift(region);
  for (const region of regions) restoreRegion(frame, region, saved.loops, execution);
  return frame;
}

function restoreRegion(
  frame: Frame,
  region: Region,
  loops: Readonly<Record<string, JsonValue>>,
  execution: Execution,
): void {
  if (region.kind === 'budget') {
    const nowMs = execution.env.clock.nowMs();
    frame.budget = new Budget(region.limits, frame.budget, nowMs, loops[region.path]);
  }
  if (region.kind !== 'loop') return;
  const saved = loops[region.path];
  if (!isObject(saved)) return;
  const { items_of: variable } = saved;
  for (const { name, slot } of region.saved) {
    const isShared = name === 'items' && typeof variable === 'string';
    const shared = isShared ? frame.flow.names.get(variable) : undefined;
    const own = Object.hasOwn(saved, name) ? (saved[name] ?? null) : null;
    const value = shared === undefined ? own : (frame.slots[shared] ?? null);
    frame.slots[slot] = name === 'collected' && Array.isArray(value) ? value.slice() : value;
  }
}
