// The Core behind a stateless program, `<Name>.executions`: one grain for each execution that needs something that lasts.
//   X1. It takes calls from within only; but resuming, cancelling and listing are for whoever may call it.
//   X2. A grain is erased a day after its execution has ended: command ids and the bus are past it by then.
import { type AnyCore, entity } from '../../lib/index.ts';
import { turnFactsOf } from '../catalog/turn-facts.ts';
import { buildCore } from './build-core.ts';
import { executionsOf } from './core-names.ts';
import { describe, internalOnly, type RuntimeFlow } from './flow-rules.ts';
import { CHECKPOINTS_FIELD, memoryFieldsOf, SCHEDULES_FIELD } from './grain-memory.ts';
import type { FlowInput } from './input-schema.ts';
import { executionIdOf, identityOf, type Program, ProgramRunner } from './program-runner.ts';
import { checkpointFlows, scheduleFlows } from './reserved-flows.ts';
import { GrainSchedules, schedulesOf, SET_SCHEDULES_FLOW } from './schedules.ts';
import { forward, type ForwardedCall, newExecutionId, SCHEDULE_KEY, SHARED_KEY } from './stateless-flows.ts';
import { isSuspendedReply } from './suspended-reply.ts';
import type { ProgramContext } from './turn-environment.ts';

const FORGET_FLOW = 'execution.forget';
const FORGET_AFTER_MS = 24 * 3_600_000;

export function executionsCore(program: Program, maySuspend: boolean): AnyCore {
  const { module, parts } = program;
  const name = executionsOf(module.name);
  const isShared = parts.statelessMemory === 'shared';
  const runner = new ProgramRunner(program, name);
  const schedules = new GrainSchedules(schedulesOf(module));
  const leave = isShared ? undefined : leaveLater;
  const flows: Record<string, RuntimeFlow> = {};
  for (const flow of module.flows) flows[flow.name] = executionFlow(program, flow.name, runner, leave);
  if (maySuspend) Object.assign(flows, leaving(checkpointFlows({ program, runner }), leave));
  if (!isShared) flows[FORGET_FLOW] = { run: async (ctx) => await forgetWhenOver(ctx, runner, maySuspend) };
  if (!schedules.isEmpty)
    Object.assign(
      flows,
      scheduleFlows({ program, schedules, run: isShared ? runHere(runner) : runApart(name) }),
    );
  const memory = memoryFieldsOf(module, [CHECKPOINTS_FIELD, SCHEDULES_FIELD]);
  const wake = { flow: SET_SCHEDULES_FLOW, key: isShared ? SHARED_KEY : SCHEDULE_KEY };
  return buildCore(
    // The name of its key is no parameter's, so the input never says another key.
    { module, name, instance: entity({ entityKey: '$execution' }), memory, flows, on: {}, events: {} },
    { isInternal: true, ...(schedules.isEmpty ? {} : { wake }) },
  );
}

type Leave = (ctx: ProgramContext, output: unknown) => void;

function executionFlow(
  program: Program,
  name: string,
  runner: ProgramRunner,
  leave: Leave | undefined,
): RuntimeFlow {
  const flow = program.module.flows.find((other) => other.name === name);
  const { timeLimitMs } = flow ? describe(program, flow) : {};
  return {
    ...(timeLimitMs === undefined ? {} : { timeLimitMs }),
    run: (ctx, forwarded) => {
      if (!turnFactsOf(ctx).isFromWithin) throw internalOnly(name);
      const { input, trigger, identity, execution_id } = forwarded as unknown as ForwardedCall;
      const output = runner.invoke(ctx, name, { input, trigger, identity, executionId: execution_id });
      return left(ctx, output, leave);
    },
  };
}

function left(ctx: ProgramContext, output: unknown, leave: Leave | undefined): unknown {
  if (!leave) return output;
  if (output instanceof Promise)
    return output.then((value: unknown) => {
      leave(ctx, value);
      return value;
    });
  leave(ctx, output);
  return output;
}

function leaving(flows: Record<string, RuntimeFlow>, leave: Leave | undefined): Record<string, RuntimeFlow> {
  const wrapped = Object.entries(flows).map(([name, flow]) => {
    if (flow.readonly === true) return [name, flow] as const;
    const run: RuntimeFlow['run'] = (ctx, input) => left(ctx, flow.run(ctx, input), leave);
    return [name, { ...flow, run }] as const;
  });
  return Object.fromEntries(wrapped);
}

function leaveLater(ctx: ProgramContext, output: unknown): void {
  if (!isSuspendedReply(output)) ctx.reminder.set(FORGET_FLOW, { inMs: FORGET_AFTER_MS, flow: FORGET_FLOW });
}

async function forgetWhenOver(
  ctx: ProgramContext,
  runner: ProgramRunner,
  maySuspend: boolean,
): Promise<null> {
  if (!turnFactsOf(ctx).isFromWithin) throw internalOnly(FORGET_FLOW);
  if (!maySuspend || (await runner.pending(ctx)).length === 0) ctx.forget();
  return null;
}

type RunScheduled = (
  ctx: ProgramContext,
  flow: string,
  call: { readonly input: FlowInput; readonly trigger: ForwardedCall['trigger'] },
) => unknown;

/** Each run of a schedule is an execution of its own. */
function runApart(core: string): RunScheduled {
  return (ctx, flow, { input, trigger }) => {
    const facts = turnFactsOf(ctx);
    const executionId = executionIdOf(facts) ?? newExecutionId(facts.rng);
    const call: ForwardedCall = { input, trigger, identity: identityOf(ctx), execution_id: executionId };
    return forward(ctx, { core, key: executionId, flow }, call);
  };
}

function runHere(runner: ProgramRunner): RunScheduled {
  return (ctx, flow, call) => runner.invoke(ctx, flow, call);
}
