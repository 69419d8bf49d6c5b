// The runtime's own flows of the Cores in which executions live.
import type { AnyCore } from '../../lib/index.ts';
import type { IRModule, JsonValue } from '../../lib/lang/index.ts';
import { turnFactsOf } from '../catalog/turn-facts.ts';
import { internalOnly, keyParamOf, type RuntimeFlow, timeLimitOf, withKey } from './flow-rules.ts';
import { type FlowInput, objectSchema } from './input-schema.ts';
import { type Invocation, invalidInput, type Program, type ProgramRunner } from './program-runner.ts';
import { type GrainSchedules, RUN_SCHEDULE_FLOW, SET_SCHEDULES_FLOW } from './schedules.ts';
import { EXPIRE_FLOW, type ProgramContext } from './turn-environment.ts';

export const CANCEL_FLOW = 'checkpoint.cancel';

const CHECKPOINT_ID: JsonValue = { type: 'string', description: 'Of the SUSPENDED reply.' };
export const RESUME_SCHEMA: JsonValue = {
  type: 'object',
  properties: {
    checkpoint_id: CHECKPOINT_ID,
    resolution: { type: 'object', description: 'What was decided: { "decision": "…" } for the simple form.' },
  },
  required: ['checkpoint_id', 'resolution'],
};
const ONE_CHECKPOINT: JsonValue = {
  type: 'object',
  properties: { checkpoint_id: CHECKPOINT_ID },
  required: ['checkpoint_id'],
};

export interface CheckpointFlowParts {
  readonly program: Program;
  readonly runner: ProgramRunner;
}

/** Whether suspended executions wait in grains of this Core. */
export function keepsCheckpoints({ definition }: AnyCore): boolean {
  return definition.flows.has(EXPIRE_FLOW);
}

/** `resume` and `checkpoints`, and what their reminders call. */
export function checkpointFlows({ program, runner }: CheckpointFlowParts): Record<string, RuntimeFlow> {
  const asksModels = [...program.traits.values()].some(({ asksModel }) => asksModel);
  const timeLimitMs = timeLimitOf(program.parts, asksModels);
  return {
    resume: {
      input: objectSchema(RESUME_SCHEMA),
      timeLimitMs,
      description: 'Goes on from a checkpoint of this instance, once.',
      run: (ctx, input) => runner.resume(ctx, input, resolverOf(ctx, input)),
    },
    checkpoints: {
      readonly: true,
      description: 'What waits for a decision in this instance.',
      run: async (ctx) => await runner.pending(ctx),
    },
    [CANCEL_FLOW]: {
      input: objectSchema(ONE_CHECKPOINT),
      description: 'Gives a checkpoint of this instance up.',
      run: async (ctx, input) => await runner.cancel(ctx, input),
    },
    [EXPIRE_FLOW]: {
      isInternal: true,
      input: objectSchema(ONE_CHECKPOINT),
      timeLimitMs,
      run: async (ctx, input) => {
        if (!turnFactsOf(ctx).isFromWithin) throw internalOnly(EXPIRE_FLOW);
        return await runner.expire(ctx, input);
      },
    },
  };
}

/** Only who speaks for somebody else, from within, may say for whom. */
function resolverOf(ctx: ProgramContext, { resolved_by: told }: FlowInput): string {
  return typeof told === 'string' && turnFactsOf(ctx).isFromWithin ? told : ctx.principal;
}

export interface ScheduleFlowParts {
  readonly program: Program;
  readonly schedules: GrainSchedules;
  readonly run: (
    ctx: ProgramContext,
    flow: string,
    call: { readonly input: FlowInput; readonly trigger: NonNullable<Invocation['trigger']> },
  ) => unknown;
}

/** Setting the schedules, and what their reminders call. */
export function scheduleFlows({ program, schedules, run }: ScheduleFlowParts): Record<string, RuntimeFlow> {
  const { module, parts, traits } = program;
  const asksModels = schedules.targets.some((flow) => traits.get(flow)?.asksModel);
  return {
    // Idempotent and without an answer, so whoever calls it does no harm.
    [SET_SCHEDULES_FLOW]: {
      isInternal: true,
      run: (ctx) => {
        schedules.ensure(ctx);
        return null;
      },
    },
    [RUN_SCHEDULE_FLOW]: {
      isInternal: true,
      timeLimitMs: timeLimitOf(parts, asksModels),
      run: (ctx, input) => {
        if (!turnFactsOf(ctx).isFromWithin) throw internalOnly(RUN_SCHEDULE_FLOW);
        const trigger = schedules.triggerOf(input['schedule']);
        if (!trigger) throw invalidInput('there is no such schedule any more');
        return run(ctx, trigger.target_flow, {
          input: inputOfTick(module, trigger.target_flow, ctx.key),
          trigger: { type: 'SCHEDULE', name: trigger.name },
        });
      },
    },
  };
}

/** A tick knows nothing but whose it is. */
function inputOfTick(module: IRModule, target: string, key: string): FlowInput {
  const flow = module.flows.find(({ name }) => name === target);
  return withKey({}, flow && keyParamOf(flow, module), key);
}
