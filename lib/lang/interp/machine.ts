// Runs tasks: instruction by instruction, without waiting as long as nobody has to be waited for.
//   M1. Before an instruction runs, its number is in the frame: an error is judged by where it happened.
//   M2. After a promise has settled the task goes on in its frame; nothing else touches a task that waits.
//   M3. Errors of the program end tasks as values (`task.error`); only broken invariants are thrown from here.
import { isPromise, type MaybePromise } from '../../base/maybe-promise.ts';
import type { JsonValue } from '../ir/ir.ts';
import { type Budget, checkTime, exceeded, tightest } from './budget.ts';
import { toProgramError } from './caught.ts';
import { ScaiCoreError } from './errors.ts';
import { cancelled, DEPTH_MAX, type Execution, YIELD_EVERY } from './execution.ts';
import { type CompiledFlow, ENDED, Frame, type Step, SUSPENDED, SWITCHED, type Task, WAIT } from './frame.ts';
import { catchIn, leave } from './region.ts';
import type { Slots } from './values.ts';

export type Outcome = 'ended' | 'failed' | 'suspended';

/** Runs until the task ends, fails or is suspended. @param first is run before the instruction that the frame is at */
export function run(task: Task, first?: Step): MaybePromise<Outcome> {
  const signal = advance(task, first);
  return signal === WAIT ? runOn(task) : outcomeOf(task, signal);
}

async function runOn(task: Task): Promise<Outcome> {
  for (;;) {
    const signal = advance(task, await settled(task));
    if (signal !== WAIT) return outcomeOf(task, signal);
  }
}

function outcomeOf(task: Task, signal: number): Outcome {
  if (task.error) return 'failed';
  return signal === SUSPENDED ? 'suspended' : 'ended';
}

/** Waits for what the task waits for, and gives the step that goes on. */
async function settled(task: Task): Promise<Step> {
  const { pending, finish, frame, execution } = task;
  task.pending = undefined;
  task.finish = undefined;
  try {
    const value = await within(execution, frame.budget, pending ?? Promise.resolve());
    return (at, of) => (finish ? finish(at, of, value) : at.pc);
  } catch (error) {
    return () => {
      throw toProgramError(error);
    };
  }
}

/** A promise, but no longer than the signal and the budgets allow. What is given up goes on unheard. */
export function within<T>(execution: Execution, budget: Budget | undefined, pending: Promise<T>): Promise<T> {
  const { signal } = execution.scope;
  const { clock } = execution.env;
  const time = tightest(budget, clock.nowMs());
  if (!signal && !time) return pending;
  return new Promise<T>((resolve, reject) => {
    const timer =
      time && clock.setTimer(Math.max(0, time.leftMs), () => fail(exceeded('max_duration_ms', time.maxMs)));
    const onAbort = (): void => {
      if (signal) fail(cancelled(signal));
    };
    const clear = (): void => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      clear();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    pending.then((value) => {
      clear();
      resolve(value);
    }, fail);
  });
}

/** Runs instructions until somebody has to be waited for. */
function advance(task: Task, first: Step | undefined): number {
  let next = first;
  for (;;) {
    const { frame } = task;
    try {
      const { code } = frame.flow;
      let pc = next ? next(frame, task) : frame.pc;
      next = undefined;
      while (pc >= 0) {
        frame.pc = pc;
        pc = (code[pc] as Step)(frame, task);
      }
      if (pc !== SWITCHED) return pc;
    } catch (error) {
      next = undefined;
      if (!recover(task, toProgramError(error))) return ENDED;
    }
  }
}

/** Finds the catch that takes the error, in this frame or in one that called it. */
function recover(task: Task, error: ScaiCoreError): boolean {
  for (let frame: Frame | undefined = task.frame; frame; frame = frame.caller) {
    task.execution.depth = frame.depth;
    if (!catchIn(frame, task, error)) continue;
    task.frame = frame;
    return true;
  }
  task.error = error;
  return false;
}

// ---- What instructions do ----

/** Waits for `answer` if it is a promise, and then does `finish`. */
export function waitFor<T>(
  task: Task,
  answer: MaybePromise<T>,
  finish: (frame: Frame, task: Task, value: T) => number,
): number {
  if (!isPromise(answer)) return finish(task.frame, task, answer);
  task.pending = answer;
  task.finish = finish as (frame: Frame, task: Task, value: unknown) => number;
  return WAIT;
}

/** Enters a flow; what it returns will be in `task.value` when the frame goes on. */
export function enter(
  frame: Frame,
  task: Task,
  flow: CompiledFlow,
  args: readonly (JsonValue | undefined)[],
): number {
  const { execution } = task;
  const depth = frame.depth + 1;
  if (depth > DEPTH_MAX) throw stackError();
  execution.charge(1);
  const slots = bindArgs(flow, execution, args);
  frame.pc += 1;
  execution.depth = depth;
  task.frame = new Frame(flow, slots, frame, depth, frame.budget);
  return SWITCHED;
}

export function stackError(): ScaiCoreError {
  return new ScaiCoreError('StackError', `calls are nested more than ${DEPTH_MAX} deep`, { max: DEPTH_MAX });
}

/** A new frame's slots; arguments that are not there take their defaults, in the order of the parameters. */
export function bindArgs(
  flow: CompiledFlow,
  execution: Execution,
  args: readonly (JsonValue | undefined)[],
): Slots {
  const slots = flow.blank.slice();
  slots[0] = execution as unknown as JsonValue;
  const { params } = flow;
  for (let index = 0; index < params.length; index += 1) {
    const param = params[index];
    if (!param) continue;
    const value = args[index];
    slots[param.slot] = value === undefined ? (param.initial?.(slots) ?? null) : value;
  }
  return slots;
}

/** Ends the frame with a value: everything around the instruction is left. */
export function returnFrom(frame: Frame, task: Task, value: JsonValue): number {
  leave(frame, task, frame.flow.regionAt[frame.pc], undefined);
  task.value = value;
  const { caller } = frame;
  if (!caller) return ENDED;
  task.execution.depth = caller.depth;
  task.frame = caller;
  return SWITCHED;
}

/** What each turn of a loop of instructions costs: fuel, and now and then a look at the world. */
export function atBackEdge(frame: Frame, task: Task, cost: number, pc: number): number {
  const { execution } = task;
  execution.charge(cost);
  if (execution.fuel > execution.yieldAt) return pc;
  execution.yieldAt = execution.fuel - YIELD_EVERY;
  const { clock } = execution.env;
  checkTime(frame.budget, clock.nowMs());
  const others = new Promise<void>((resolve) => clock.defer(resolve));
  return waitFor(task, others, () => pc);
}
