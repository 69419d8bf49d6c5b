// Flows of a stateless program that need something that lasts: they are sent on to a grain of the Core behind it.
import { GrainError, isKey, type LooseRef, type Rng } from '../../lib/index.ts';
import type { InvocationRequest, JsonValue } from '../../lib/lang/index.ts';
import { RaisedError } from '../catalog/raised-error.ts';
import { turnFactsOf } from '../catalog/turn-facts.ts';
import { executionsOf } from './core-names.ts';
import type { RuntimeFlow } from './flow-rules.ts';
import { type FlowInput, objectSchema } from './input-schema.ts';
import { executionIdOf, identityOf, invalidInput, triggerOf } from './program-runner.ts';
import { RESUME_SCHEMA } from './reserved-flows.ts';
import type { ProgramContext } from './turn-environment.ts';

/** The grain whose memory all calls of a stateless Core share, where the host says so. */
export const SHARED_KEY = 'shared';
/** The grain that keeps the schedules of a stateless Core. */
export const SCHEDULE_KEY = 'schedule';

/** What such a grain gets: the input of the program's flow is only a part of it, so its names cannot be mistaken. */
export interface ForwardedCall {
  readonly input: FlowInput;
  readonly trigger: NonNullable<InvocationRequest['trigger']>;
  readonly identity: JsonValue;
  readonly execution_id: string;
}

export function newExecutionId(rng: Rng): string {
  return `exec_${rng.hex(16)}`;
}

export function forwardFlow(core: string, flow: string, isShared: boolean): RuntimeFlow['run'] {
  const behind = executionsOf(core);
  return (ctx, input) => {
    const facts = turnFactsOf(ctx);
    const executionId = executionIdOf(facts) ?? newExecutionId(facts.rng);
    const call: ForwardedCall = {
      input,
      trigger: triggerOf(facts, input),
      identity: identityOf(ctx),
      execution_id: executionId,
    };
    return forward(ctx, { core: behind, key: isShared ? SHARED_KEY : executionId, flow }, call);
  };
}

/** `resume` of a stateless Core: the reply of the suspended flow has the id of its execution. */
export function forwardResume(core: string, isShared: boolean, timeLimitMs: number): RuntimeFlow {
  const { properties, required } = RESUME_SCHEMA as { properties: FlowInput; required: readonly string[] };
  const schema = {
    type: 'object',
    properties: { execution_id: { type: 'string' }, ...properties },
    required: ['execution_id', ...required],
  };
  return {
    input: objectSchema(schema),
    timeLimitMs,
    description: 'Goes on from a checkpoint of one execution, once.',
    run: (ctx, { execution_id: id, ...input }) => {
      if (!isKey(id)) throw invalidInput('execution_id must be the id of the suspended execution');
      const target = { core: executionsOf(core), key: isShared ? SHARED_KEY : id, flow: 'resume' };
      return forward(ctx, target, { ...input, resolved_by: ctx.principal });
    },
  };
}

export interface ForwardTarget {
  readonly core: string;
  readonly key: string;
  readonly flow: string;
}

/** Calls the grain and answers as it does, errors included. */
export async function forward(
  ctx: ProgramContext,
  { core, key, flow }: ForwardTarget,
  input: object,
): Promise<unknown> {
  const ref = ctx.call(core, key) as unknown as LooseRef;
  try {
    return await ref[flow]?.(input, { signal: ctx.signal });
  } catch (thrown) {
    if (!(thrown instanceof GrainError)) throw thrown;
    const { code, details } = thrown;
    throw new RaisedError(code, details, { cause: thrown });
  }
}
