// `@core_call` and `@await_responses`: other Cores, through the host's dispatcher.
import { isPromise, type MaybePromise } from '../../base/maybe-promise.ts';
import type { IRBlock, JsonValue } from '../ir/ir.ts';
import { durationOf } from './compile-checkpoint.ts';
import { compileEx } from './compile-expr.ts';
import { emitEffect } from './compile-stmt.ts';
import { bindingsEx, checkedAnswer, type Effect, exprList, flatValues } from './effects.ts';
import type { Emitter } from './emitter.ts';
import { ScaiCoreError } from './errors.ts';
import { askHost, type Execution, executionOf } from './execution.ts';
import type { FlowContext } from './flow-context.ts';
import type { CoreDispatcher } from './host-environment.ts';
import { text } from './stdlib/std.ts';
import { toText } from './values.ts';
import { sized } from './value-size.ts';

export function emitCoreCall(
  out: Emitter,
  block: IRBlock & { readonly kind: 'core_call' },
  context: FlowContext,
): void {
  const { target, flow_name: flow, version, is_async: isAsync } = block;
  const input = bindingsEx(block.input_bindings, context);
  const instanceKey = block.instance_key && compileEx(block.instance_key, context);
  const timeout = block.timeout && compileEx(block.timeout, context);
  const effect: Effect = (s) => {
    const execution = executionOf(s);
    const dispatcher = dispatcherOf(execution);
    const { scope } = execution;
    const key = instanceKey?.(s) ?? null;
    const call = {
      scope,
      target,
      flow,
      input: sized(input(s)),
      instanceKey: key === null ? undefined : toText(key),
      version,
      timeoutMs: durationOf(timeout?.(s)),
      callId: execution.nextCallId(),
      signal: scope.signal,
    };
    const answer = askHost('CoreCallError', { target }, (): MaybePromise<JsonValue> =>
      isAsync ? dispatcher.start(call) : dispatcher.call(call),
    );
    return checkedAnswer(answer, 'CoreCallError', target);
  };
  emitEffect(out, effect, block.result_binding, context);
}

export function emitAwait(
  out: Emitter,
  block: IRBlock & { readonly kind: 'await_responses' },
  context: FlowContext,
): void {
  const handles = exprList(block.handles, context);
  const timeout = block.timeout && compileEx(block.timeout, context);
  const { mode } = block;
  const effect: Effect = (s) => {
    const execution = executionOf(s);
    const dispatcher = dispatcherOf(execution);
    const wanted = flatValues(handles(s)).map(text);
    const options = { mode, timeoutMs: durationOf(timeout?.(s)), scope: execution.scope };
    const answer = askHost('CoreCallError', {}, () => dispatcher.wait(wanted, options));
    return isPromise(answer) ? answer.then(resultOf) : resultOf(answer);
  };
  const resultOf = (answers: readonly JsonValue[]): MaybePromise<JsonValue> =>
    checkedAnswer(
      mode === 'all' ? answers : (answers.find((one) => one !== null) ?? null),
      'CoreCallError',
      'a Core',
    );
  emitEffect(out, effect, block.result_binding, context);
}

function dispatcherOf(execution: Execution): CoreDispatcher {
  const { dispatcher } = execution.env;
  if (dispatcher) return dispatcher;
  throw new ScaiCoreError('CoreCallError', 'there are no other Cores here');
}
