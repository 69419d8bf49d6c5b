// Statements that may wait, as instructions. What never waits is handed to compile-sync.ts.
import { isPromise } from '../../base/maybe-promise.ts';
import type { IRPath, IRStmt, JsonValue } from '../ir/ir.ts';
import { isSyncStmt } from './analysis.ts';
import { boolOf } from './arithmetic.ts';
import { compileEx, noArm } from './compile-expr.ts';
import { armHead, syncStmt } from './compile-sync.ts';
import { type Effect, effectOf } from './effects.ts';
import type { Emitter } from './emitter.ts';
import type { FlowContext } from './flow-context.ts';
import type { Label } from './frame.ts';
import { enter, waitFor } from './machine.ts';

export function emitStmts(
  out: Emitter,
  statements: readonly IRStmt[],
  path: IRPath,
  context: FlowContext,
): void {
  for (const [index, statement] of statements.entries()) emitStmt(out, statement, [...path, index], context);
}

function emitStmt(out: Emitter, statement: IRStmt, path: IRPath, context: FlowContext): void {
  if (isSyncStmt(statement, context.syncFlows)) {
    out.sync(syncStmt(statement, context));
    return;
  }
  switch (statement.kind) {
    case 'plugin_call':
    case 'memory_op':
    case 'reference_search':
      emitEffect(out, effectOf(statement, context), statement.result_binding, context);
      return;
    case 'flow_call':
      emitCall(out, statement, path, context);
      return;
    case 'if':
      emitIf(out, statement, path, context);
      return;
    case 'match':
      emitMatch(out, statement, path, context);
      return;
    case 'block':
      out.passes.block(out, statement.block, [...path, 'block'], context);
      return;
    default:
      throw new Error(`${statement.kind} never waits`);
  }
}

/** Asks, waits if it has to, and binds the answer. */
export function emitEffect(
  out: Emitter,
  effect: Effect,
  name: string | null | undefined,
  context: FlowContext,
): void {
  const slot = typeof name === 'string' ? context.names.slotOf(name) : context.names.hidden();
  out.emit((pc) => {
    const next = pc + 1;
    return (frame, task) => {
      task.execution.checkSignal();
      const answer = effect(frame.slots, frame.budget);
      if (isPromise(answer))
        return waitFor(task, answer, (at, _task, value: JsonValue) => {
          at.slots[slot] = value;
          return next;
        });
      frame.slots[slot] = answer;
      return next;
    };
  });
}

function emitCall(
  out: Emitter,
  statement: IRStmt & { readonly kind: 'flow_call' },
  path: IRPath,
  context: FlowContext,
): void {
  const args = statement.args.map((arg) => arg && compileEx(arg, context));
  const { program } = context;
  out.emit(() => (frame, task) => {
    const values = args.map((arg) => arg?.(frame.slots));
    return enter(frame, task, program.flow(statement.flow), values);
  });
  out.resumePoint(path);
  emitTaskValue(out, statement.result_binding, context);
}

/** Binds what the task was given: by a flow that returned, or by whoever resolved a checkpoint. */
export function emitTaskValue(out: Emitter, name: string | null | undefined, context: FlowContext): void {
  const slot = typeof name === 'string' ? context.names.slotOf(name) : undefined;
  out.emit((pc) => {
    const next = pc + 1;
    return (frame, task) => {
      if (slot !== undefined) frame.slots[slot] = task.value;
      task.value = null;
      return next;
    };
  });
}

function emitIf(
  out: Emitter,
  statement: IRStmt & { readonly kind: 'if' },
  path: IRPath,
  context: FlowContext,
): void {
  const condition = compileEx(statement.condition, context);
  const [otherwise, end] = [out.label(), out.label()];
  out.emit((pc) => {
    const next = pc + 1;
    return (frame) => (boolOf(condition(frame.slots)) ? next : otherwise.pc);
  });
  emitStmts(out, statement.then, [...path, 'then'], context);
  out.jump(end);
  out.place(otherwise);
  emitStmts(out, statement.otherwise ?? [], [...path, 'otherwise'], context);
  out.place(end);
}

function emitMatch(
  out: Emitter,
  statement: IRStmt & { readonly kind: 'match' },
  path: IRPath,
  context: FlowContext,
): void {
  const subject = compileEx(statement.subject, context);
  const arms = statement.arms.map((arm) => ({ ...armHead(arm, context), target: out.label() }));
  out.emit(() => (frame) => armFor(arms, frame.slots, subject(frame.slots)).pc);
  const end = out.label();
  for (const [index, { body }] of statement.arms.entries()) {
    const arm = arms[index];
    if (arm) out.place(arm.target);
    emitStmts(out, body, [...path, 'arms', index, 'body'], context);
    out.jump(end);
  }
  out.place(end);
}

export function armFor(
  arms: readonly {
    readonly fits: (slots: JsonValue[], value: JsonValue) => boolean;
    readonly target: Label;
  }[],
  slots: JsonValue[],
  value: JsonValue,
): Label {
  for (const { fits, target } of arms) if (fits(slots, value)) return target;
  throw noArm(value);
}
