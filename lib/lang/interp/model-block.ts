// `@flexible` and `@guarded` while they run: asks the model until an answer will do, or nothing helps any more.
//   B1. Each request counts in all budgets around, and each one after the first as a retry.
import type { FailureClass, IRFailureRule, IRLimits, IRModel, IRType, JsonValue } from '../ir/ir.ts';
import { jsonSchemaOf } from '../ir/json-schema.ts';
import { Budget, checkTime, countEach, tightest } from './budget.ts';
import { ScaiCoreError } from './errors.ts';
import { type Execution, hostError } from './execution.ts';
import { FailureChains } from './failure-chain.ts';
import type { ModelMessage, ModelProvider, ModelResult, ModelUsage } from './host-environment.ts';
import { within } from './machine.ts';
import { type Answer, isTextType, readAnswer } from './model-answer.ts';
import { followUp } from './model-messages.ts';

export interface ModelWork {
  readonly role: string | null;
  readonly outputType: IRType;
  readonly rules: readonly IRFailureRule[];
  readonly limits: IRLimits | undefined;
  readonly messages: readonly ModelMessage[];
  /** Of `@guarded`: what is not true of the value, in words. */
  readonly problemOf: (value: JsonValue) => string | undefined;
}

export type ModelOutcome =
  | { readonly kind: 'value'; readonly value: JsonValue }
  /** A person has to look at it. */
  | {
      readonly kind: 'flagged';
      readonly failure: FailureClass;
      readonly message: string;
      readonly answer: string;
    }
  /** `validate` does not hold. */
  | { readonly kind: 'invalid'; readonly message: string };

export function chosenModel(execution: Execution, role: string | null): { role: string; model: IRModel } {
  const { models } = execution.program;
  for (const name of [role, 'primary', ...models.keys()]) {
    const model = name === null ? undefined : models.get(name);
    if (name !== null && model) return { role: name, model };
  }
  throw new ScaiCoreError('ModelProviderError', `there is no model '${role ?? 'primary'}'`, { role });
}

export function providerOf(execution: Execution): ModelProvider {
  const { modelProviders } = execution.env;
  if (modelProviders) return modelProviders;
  throw new ScaiCoreError('ModelProviderError', 'there is no model provider here');
}

export async function askModel(
  execution: Execution,
  outer: Budget | undefined,
  work: ModelWork,
): Promise<ModelOutcome> {
  const { clock } = execution.env;
  const budget = work.limits ? new Budget(work.limits, outer, clock.nowMs()) : outer;
  const chains = new FailureChains(work.rules);
  const minConfidence = confidenceMin(execution);
  let { messages } = work;
  for (;;) {
    const result = await complete(execution, budget, work, messages);
    const answer = judged(result, work, execution, minConfidence, chains);
    if (answer.kind !== 'failure') return answer;
    const { failure, message } = answer;
    const action = chains.next(failure);
    switch (action.kind) {
      case 'retry':
        countEach(budget, (each) => {
          each.addRetry();
        });
        messages = [...work.messages, ...followUp(result.text, message, action.note)];
        break;
      case 'escalate':
        throw new ScaiCoreError('EscalationError', `a person has to decide: ${message}`, {
          failure,
          answer: result.text,
        });
      case 'flag_and_checkpoint':
        return { kind: 'flagged', failure, message, answer: result.text };
      case 'give_up':
        throw givenUp(failure, message, result);
    }
  }
}

function givenUp(failure: FailureClass, message: string, result: ModelResult): ScaiCoreError {
  return new ScaiCoreError('OutputValidationError', `the answer of the model cannot be used: ${message}`, {
    failure,
    answer: result.text,
    model: result.model,
  });
}

/** The answer as a value; one that `validate` refuses is a failure only where a rule says what to do about it. */
function judged(
  result: ModelResult,
  work: ModelWork,
  execution: Execution,
  minConfidence: number,
  chains: FailureChains,
): Answer | (ModelOutcome & { readonly kind: 'invalid' }) {
  const { module } = execution.program;
  const floor = chains.has('low_confidence') ? minConfidence : Number.NEGATIVE_INFINITY;
  const answer = readAnswer(result, work.outputType, module.types, floor);
  if (answer.kind === 'failure') return answer;
  const problem = work.problemOf(answer.value);
  if (problem === undefined) return answer;
  if (!chains.has('constraint_violation')) return { kind: 'invalid', message: problem };
  return { kind: 'failure', failure: 'constraint_violation', message: problem };
}

function confidenceMin(execution: Execution): number {
  const value = execution.config('min_confidence');
  return typeof value === 'number' ? value : 0.5;
}

async function complete(
  execution: Execution,
  budget: Budget | undefined,
  work: ModelWork,
  messages: readonly ModelMessage[],
): Promise<ModelResult> {
  const { role, model } = chosenModel(execution, work.role);
  const provider = providerOf(execution);
  const { outputType } = work;
  const { types } = execution.program.module;
  const isFree = outputType.kind === 'dynamic' || isTextType(outputType, types);
  const request = {
    scope: execution.scope,
    role,
    model,
    messages,
    outputSchema: isFree ? undefined : jsonSchemaOf(outputType, types),
    outputType,
    timeoutMs: beginCall(execution, budget),
    signal: execution.scope.signal,
  };
  const result = await answered(execution, budget, role, () => provider.complete(request));
  endCall(execution, budget, result.usage);
  return result;
}

/** Counts a request before it is made: what is refused costs nothing. @returns the time that is left for it */
export function beginCall(execution: Execution, budget: Budget | undefined): number | undefined {
  const nowMs = execution.env.clock.nowMs();
  execution.checkSignal();
  execution.charge(1);
  checkTime(budget, nowMs);
  countEach(budget, (each) => {
    each.addCall();
  });
  execution.usage.llmCalls += 1;
  return tightest(budget, nowMs)?.leftMs;
}

export function endCall(execution: Execution, budget: Budget | undefined, used: ModelUsage): void {
  const { usage } = execution;
  usage.inputTokens += used.inputTokens;
  usage.outputTokens += used.outputTokens;
  usage.cost += used.cost ?? 0;
  countEach(budget, (each) => {
    each.addUsage(used.inputTokens + used.outputTokens, used.cost ?? 0);
  });
}

export async function answered<T>(
  execution: Execution,
  budget: Budget | undefined,
  role: string,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await within(execution, budget, ask());
  } catch (error) {
    throw hostError('ModelProviderError', error, { role });
  }
}
