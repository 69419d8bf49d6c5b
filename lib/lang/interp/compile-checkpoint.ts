// `@checkpoint`: what is asked, and how the answer comes in. The instruction behind the question is where an execution goes
// on, with the resolution as the task's value.
import type { IRBlock, IRPath, JsonValue } from '../ir/ir.ts';
import { emitArms, storing } from './compile-body.ts';
import { compileEx } from './compile-expr.ts';
import type { Emitter } from './emitter.ts';
import { ScaiCoreError } from './errors.ts';
import type { FlowContext } from './flow-context.ts';
import { type Step, SUSPENDED, type Suspension, type Task } from './frame.ts';
import { parseDuration } from './stdlib/time.ts';
import { fieldOf, isList, isObject, type Slots, toText, wrongKind } from './values.ts';

type CheckpointBlock = IRBlock & { readonly kind: 'checkpoint' };

export function emitCheckpoint(
  out: Emitter,
  block: CheckpointBlock,
  path: IRPath,
  context: FlowContext,
): void {
  const question = questionOf(block, context);
  out.emit((pc) => suspend((slots) => question(slots), pc + 1));
  out.resumePoint(path);
  const { on_response: arms } = block;
  const resolution = context.names.hidden();
  out.emit((pc) => (frame, task) => {
    frame.slots[resolution] = task.value;
    task.value = null;
    return pc + 1;
  });
  if (!arms) {
    out.sync(storing(block.result_binding, (s) => decisionOf(s[resolution] ?? null), context));
    return;
  }
  emitArms(out, block, arms, [...path, 'on_response'], context, (choose) => {
    out.emit(
      () =>
        ({ slots }) =>
          choose(slots, subjectOf(slots[resolution] ?? null)),
    );
  });
}

/** Stops the task; it goes on at `next`. */
export function suspend(question: (slots: Slots) => Suspension, next: number): Step {
  return (frame, task) => {
    refuseInBranch(task);
    task.suspension = question(frame.slots);
    frame.pc = next;
    return SUSPENDED;
  };
}

/** The verifier refuses what it sees of this (E406); a flow that is called may still come here. */
export function refuseInBranch(task: Task): void {
  if (task.isBranch)
    throw new ScaiCoreError(
      'RuntimeError',
      'a checkpoint cannot be reached in a branch that runs beside others',
    );
}

/** The simple form: the decision, or all of the resolution if it has none. */
export function decisionOf(resolution: JsonValue): JsonValue {
  return isObject(resolution) && Object.hasOwn(resolution, 'decision')
    ? fieldOf(resolution, 'decision')
    : resolution;
}

/** What arms are compared with. */
function subjectOf(resolution: JsonValue): JsonValue {
  const decision = decisionOf(resolution);
  return typeof decision === 'string' ? decision : resolution;
}

function questionOf(block: CheckpointBlock, context: FlowContext): (slots: Slots) => Suspension {
  const { checkpoint_type: checkpointType } = block;
  const value = (expr: CheckpointBlock['prompt']): ((slots: Slots) => JsonValue | undefined) =>
    expr ? compileEx(expr, context) : () => undefined;
  const parts = {
    prompt: value(block.prompt),
    present: value(block.present),
    options: value(block.options),
    timeout: value(block.timeout),
    onTimeout: value(block.on_timeout),
    hitlTarget: value(block.hitl_target),
    assignee: value(block.assignee),
    priority: value(block.priority),
  };
  return (s) => {
    const present = parts.present(s) ?? null;
    return {
      checkpointType,
      prompt: optionalText(parts.prompt(s)) ?? promptIn(present),
      payload: payloadIn(present),
      options: optionsOf(parts.options(s)),
      timeoutMs: durationOf(parts.timeout(s)),
      onTimeout: optionalText(parts.onTimeout(s)),
      hitlTarget: parts.hitlTarget(s),
      assignee: optionalText(parts.assignee(s)),
      priority: optionalText(parts.priority(s)),
    };
  };
}

function optionalText(value: JsonValue | undefined): string | undefined {
  return value === undefined || value === null ? undefined : toText(value);
}

/** `present = { prompt = "…" payload = x }`: what is not called so is all payload. */
function promptIn(present: JsonValue): string {
  const prompt = isObject(present) ? fieldOf(present, 'prompt') : null;
  return typeof prompt === 'string' ? prompt : '';
}

function payloadIn(present: JsonValue): JsonValue {
  return isObject(present) && Object.hasOwn(present, 'payload') ? fieldOf(present, 'payload') : present;
}

function optionsOf(value: JsonValue | undefined): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!isList(value)) throw wrongKind(value, 'a list of options');
  return value.map(toText);
}

/** Milliseconds, or text such as `1h`. */
export function durationOf(value: JsonValue | undefined): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number') return Math.max(0, value);
  if (typeof value === 'string') return parseDuration(value);
  throw wrongKind(value, 'a duration');
}
