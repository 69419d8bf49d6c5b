// Blocks that ask models, as instructions: guard, question, answer; the place where a person's value comes in; and the body
// for what `guard` and `validate` refuse.
import { issueText, readValue } from '../ir/check-value.ts';
import type { IRBindings, IRBlock, IRExpr, IRModelBlock, IRPath, IRType, JsonValue } from '../ir/ir.ts';
import { boolOf } from './arithmetic.ts';
import { emitBody } from './compile-body.ts';
import { decisionOf, refuseInBranch } from './compile-checkpoint.ts';
import { compileEx } from './compile-expr.ts';
import { emitEffect } from './compile-stmt.ts';
import { bindingsEx, checkedAnswer } from './effects.ts';
import type { Emitter } from './emitter.ts';
import { ScaiCoreError } from './errors.ts';
import { executionOf } from './execution.ts';
import type { FlowContext } from './flow-context.ts';
import { type Frame, type Label, SUSPENDED, type Task } from './frame.ts';
import { waitFor } from './machine.ts';
import {
  answered,
  askModel,
  beginCall,
  chosenModel,
  endCall,
  type ModelOutcome,
  providerOf,
} from './model-block.ts';
import { messagesOf, type ModelTask } from './model-messages.ts';
import { type Ex, type Slots, toText } from './values.ts';
import { sized } from './value-size.ts';

type Given = (slots: Slots) => JsonValue | undefined;

export function emitModelBlock(out: Emitter, block: IRModelBlock, path: IRPath, context: FlowContext): void {
  const code = compileModelBlock(block, context);
  const { names } = context;
  const result =
    typeof block.result_binding === 'string' ? names.slotOf(block.result_binding) : names.hidden();
  const refused: Label | undefined = block.on_validation_failure && out.label();
  const end = out.label();
  const refuse = (message: string, which: 'guard' | 'validate'): number => {
    if (refused) return refused.pc;
    throw new ScaiCoreError('GuardViolationError', message, { which });
  };
  out.emit((pc) => {
    const finish = (frame: Frame, task: Task, outcome: ModelOutcome): number => {
      if (outcome.kind === 'invalid') return refuse(outcome.message, 'validate');
      if (outcome.kind === 'flagged') return flag(frame, task, outcome, code.goal(frame.slots), pc + 1);
      frame.slots[result] = outcome.value;
      return end.pc;
    };
    return (frame, task) => {
      const problem = code.guardProblem(frame.slots);
      if (problem !== undefined) return refuse(problem, 'guard');
      const { slots, budget } = frame;
      const { outputType, rules, limits, role } = code;
      const messages = messagesOf(code.task(slots));
      const problemOf = (value: JsonValue): string | undefined => code.validateProblem(slots, value);
      const work = { role, outputType, rules, limits, messages, problemOf };
      return waitFor(task, askModel(task.execution, budget, work), finish);
    };
  });
  out.resumePoint(path);
  out.emit(() => (frame, task) => {
    const given = decisionOf(task.value);
    task.value = null;
    frame.slots[result] = ofType(given, block.output_type, context);
    return end.pc;
  });
  if (refused) {
    out.place(refused);
    emitBody(
      out,
      block.on_validation_failure ?? [],
      [...path, 'on_validation_failure'],
      block.result_binding,
      context,
    );
  }
  out.place(end);
}

/** Stops for a person to give the value. */
function flag(
  frame: Frame,
  task: Task,
  outcome: ModelOutcome & { readonly kind: 'flagged' },
  goal: JsonValue,
  next: number,
): number {
  refuseInBranch(task);
  const { failure, message, answer } = outcome;
  task.suspension = {
    checkpointType: 'flagged',
    prompt: toText(goal),
    payload: { failure, message, answer },
    options: [],
    timeoutMs: undefined,
    onTimeout: undefined,
    hitlTarget: undefined,
    assignee: undefined,
    priority: undefined,
  };
  frame.pc = next;
  return SUSPENDED;
}

/** A value that was given instead of an answer. @throws OutputValidationError */
function ofType(value: JsonValue, type: IRType, context: FlowContext): JsonValue {
  const read = readValue(value, type, context.program.module.types);
  if (!read.issues) return read.value;
  throw new ScaiCoreError('OutputValidationError', issueText(read.issues), { failure: 'parse_error' });
}

// ---- Parts ----

interface ModelBlockCode {
  readonly role: string | null;
  readonly outputType: IRType;
  readonly rules: NonNullable<IRModelBlock['on_failure']>;
  readonly limits: IRModelBlock['budget'];
  readonly goal: Ex;
  readonly task: (slots: Slots) => ModelTask;
  readonly guardProblem: (slots: Slots) => string | undefined;
  readonly validateProblem: (slots: Slots, output: JsonValue) => string | undefined;
}

function compileModelBlock(block: IRModelBlock, context: FlowContext): ModelBlockCode {
  const { module, identity } = context.program;
  const goal = compileEx(block.goal, context);
  const guidance = optionalEx(block.guidance, context);
  const identityOf = block.identity_ref ? compileEx(block.identity_ref, context) : () => identity;
  const input = givenEx(block.input_bindings, block.input_is_value, context);
  // A context that is no literal object is the one binding of that name.
  const isOneContext = Object.keys(block.context_bindings).join() === 'context';
  const about = givenEx(block.context_bindings, isOneContext, context);
  const examples = (block.examples ?? []).map((example) => ({
    input: compileEx(example.input, context),
    output: compileEx(example.output, context),
  }));
  const inherits = block.constraints?.inherit !== false;
  const constraints = [inherits ? module.constraints : undefined, block.constraints].filter(
    (set) => set !== undefined,
  );
  const task = (s: Slots): ModelTask => {
    const guidanceNow = guidance(s);
    return {
      identity: identityOf(s),
      goal: toText(goal(s)),
      guidance: guidanceNow === undefined || guidanceNow === null ? undefined : toText(guidanceNow),
      constraints,
      policy: module.conversation_policy,
      examples: examples.map((example) => ({ input: example.input(s), output: example.output(s) })),
      input: sized(input(s)),
      context: sized(about(s)),
    };
  };
  const { llm_role: role, output_type: outputType, on_failure: rules = [], budget: limits } = block;
  return { role, outputType, rules, limits, goal, task, ...conditions(block, input, context) };
}

/** `guard` and `validate` see `input`, `output` and `result`, whatever the flow calls so. */
function conditions(
  block: IRModelBlock,
  input: Given,
  context: FlowContext,
): Pick<ModelBlockCode, 'guardProblem' | 'validateProblem'> {
  const { names } = context;
  const [inputSlot, outputSlot] = [names.hidden(), names.hidden()];
  const before = new Map([['input', inputSlot]]);
  const after = new Map([...before, ['output', outputSlot] as const, ['result', outputSlot] as const]);
  const compileAll = (
    exprs: readonly IRExpr[] | undefined,
    overlay: ReadonlyMap<string, number>,
  ): readonly Ex[] => names.within(overlay, () => (exprs ?? []).map((expr) => compileEx(expr, context)));
  const guard = compileAll(block.guard, before);
  const validate = compileAll(block.validate, after);
  return {
    guardProblem: (s) => {
      s[inputSlot] = input(s) ?? null;
      return problemIn(guard, s, 'guard');
    },
    validateProblem: (s, output) => {
      s[outputSlot] = output;
      return problemIn(validate, s, 'validate');
    },
  };
}

function problemIn(checks: readonly Ex[], slots: Slots, what: string): string | undefined {
  const at = checks.findIndex((check) => !boolOf(check(slots)));
  return at < 0 ? undefined : `condition ${at + 1} of ${what} does not hold`;
}

function optionalEx(expr: IRExpr | undefined, context: FlowContext): Given {
  return expr ? compileEx(expr, context) : () => undefined;
}

/** Bindings as one object; the only one as it is, where the block gives a value and no object. */
function givenEx(bindings: IRBindings, isValue: boolean | undefined, context: FlowContext): Given {
  const entries = Object.values(bindings);
  const [only] = entries;
  if (isValue === true && only) return compileEx(only, context);
  return entries.length === 0 ? () => undefined : bindingsEx(bindings, context);
}

// ---- Model calls ----

export function emitModelCall(
  out: Emitter,
  block: IRBlock & { readonly kind: 'model_call' },
  context: FlowContext,
): void {
  const input = givenEx(block.input_bindings, block.input_is_value, context);
  const params = bindingsEx(block.params, context);
  const { modality, llm_role: wanted } = block;
  emitEffect(
    out,
    async (s, budget) => {
      const execution = executionOf(s);
      const { role, model } = chosenModel(execution, wanted);
      const provider = providerOf(execution);
      const [given, settings] = [sized(input(s) ?? null), params(s)];
      const ask = provider.call?.bind(provider);
      if (!ask)
        throw new ScaiCoreError('ModelProviderError', `there is no model for ${modality} here`, { modality });
      const timeoutMs = beginCall(execution, budget);
      const { scope } = execution;
      const request = {
        scope,
        role,
        model,
        modality,
        input: given,
        params: settings,
        timeoutMs,
        signal: scope.signal,
      };
      const { output, usage } = await answered(execution, budget, role, () => ask(request));
      endCall(execution, budget, usage);
      const data = await checkedAnswer(output, 'ModelProviderError', `the model for ${modality}`);
      return ofType(data, block.output_type, context);
    },
    block.result_binding,
    context,
  );
}
