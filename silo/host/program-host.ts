// ProgramHost: a compiled program as Cores of a silo.
// Owns: which Cores a program becomes, and what their flows are. Does not own: an execution (program-runner.ts), what it
// may ask for (turn-environment.ts), the grains themselves (silo/catalog), which know nothing of programs.
//   P1. An entity or singleton program is one Core; its executions, suspended ones too, are its grains' own.
//   P2. A stateless program's flows run where they are called, but for those that need something that lasts (a checkpoint,
//       an event for others, shared memory): they run in grains of a Core behind it, `<Name>.executions`.
//   P3. A program that may suspend has another Core behind it, `<Name>.projector`, which tells the checkpoint store.
//   P4. Flows of the runtime have a `.` in their names, which no flow of a program has. The exceptions are `resume` and
//       `checkpoints`, which people call; programs that may suspend cannot have flows of those names.
import { type AnyCore, GrainError } from '../../lib/index.ts';
import { CoreEngine, factsOf, type IRFlow, type IRModule } from '../../lib/lang/index.ts';
import { turnFactsOf } from '../catalog/turn-facts.ts';
import { buildCore, eventsOf, instanceOf, subscriptionsOf } from './build-core.ts';
import { projectorCore } from './checkpoint-projector.ts';
import { executionsCore } from './executions-core.ts';
import {
  describe,
  internalOnly,
  isDurable,
  isInternalFlow,
  keyParamOf,
  type RuntimeFlow,
  timeLimitOf,
  withKey,
} from './flow-rules.ts';
import { CHECKPOINTS_FIELD, memoryFieldsOf, SCHEDULES_FIELD } from './grain-memory.ts';
import { LOADING } from './loading-environment.ts';
import type { ProgramParts } from './program-parts.ts';
import { type Program, ProgramRunner } from './program-runner.ts';
import { checkpointFlows, scheduleFlows } from './reserved-flows.ts';
import { checkSchedules, GrainSchedules, schedulesOf, SET_SCHEDULES_FLOW } from './schedules.ts';
import { forwardFlow, forwardResume } from './stateless-flows.ts';

/** The Cores that a program becomes, the one of its own name first. @throws ERR_CORE_INVALID */
export function programCores(module: IRModule, parts: ProgramParts = {}): readonly AnyCore[] {
  checkSchedules(module);
  const program = loadProgram(module, parts);
  const maySuspend = module.flows.some(({ name }) => program.traits.get(name)?.maySuspend);
  checkNames(module, maySuspend);
  const cores =
    module.instance.mode === 'stateless'
      ? statelessCores(program, maySuspend)
      : [grainCore(program, maySuspend)];
  return maySuspend && parts.checkpoints ? [...cores, projectorCore(module, parts.checkpoints)] : cores;
}

function loadProgram(module: IRModule, parts: ProgramParts): Program {
  const { models: modelProviders, plugins, reference, config, statelessMemory, telemetry } = parts;
  const environment = { ...LOADING, modelProviders, plugins, reference, config, statelessMemory };
  try {
    const engine = CoreEngine.load(module, environment, { autoTelemetry: telemetry !== undefined });
    return { module, engine, parts, traits: factsOf(module) };
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    const message = `Core ${module.name}: ${problem}`;
    throw new GrainError('ERR_CORE_INVALID', { message, core: module.name }, { cause });
  }
}

function checkNames({ name, flows }: IRModule, maySuspend: boolean): void {
  for (const { name: flow } of flows) {
    // No source has one; a bundle may.
    if (flow.includes('.'))
      throw taken(name, `flows with a dot in their names, as ${flow}, are the runtime's`);
    if (maySuspend && (flow === 'resume' || flow === 'checkpoints'))
      throw taken(
        name,
        `a program with checkpoints gets a flow ${flow} from the runtime: name yours otherwise`,
      );
  }
}

function taken(core: string, problem: string): GrainError {
  return new GrainError('ERR_CORE_INVALID', { message: `Core ${core}: ${problem}`, core });
}

function grainCore(program: Program, maySuspend: boolean): AnyCore {
  const { module } = program;
  const { name, instance } = module;
  const runner = new ProgramRunner(program, name);
  const schedules = new GrainSchedules(schedulesOf(module));
  const flows: Record<string, RuntimeFlow> = {};
  for (const flow of module.flows) flows[flow.name] = grainFlow(program, flow, runner, schedules);
  if (maySuspend) Object.assign(flows, checkpointFlows({ program, runner }));
  if (!schedules.isEmpty)
    Object.assign(
      flows,
      scheduleFlows({ program, schedules, run: (ctx, flow, call) => runner.invoke(ctx, flow, call) }),
    );
  const own = [...(maySuspend ? [CHECKPOINTS_FIELD] : []), ...(schedules.isEmpty ? [] : [SCHEDULES_FIELD])];
  const memory = memoryFieldsOf(module, own);
  // Grains of entities set theirs with their first turn: before that there is nobody to remind.
  const isWoken = !schedules.isEmpty && instance.mode === 'singleton';
  return buildCore(
    {
      module,
      name,
      instance: instanceOf(module),
      memory,
      flows,
      on: subscriptionsOf(module),
      events: eventsOf(module),
    },
    isWoken ? { wake: { flow: SET_SCHEDULES_FLOW, key: '' } } : {},
  );
}

function grainFlow(
  program: Program,
  flow: IRFlow,
  runner: ProgramRunner,
  schedules: GrainSchedules,
): RuntimeFlow {
  const isInternal = isInternalFlow(program.module, flow.name);
  const keyParam = keyParamOf(flow, program.module);
  return {
    ...describe(program, flow),
    isInternal,
    run: (ctx, input) => {
      const facts = turnFactsOf(ctx);
      if (isInternal && !facts.isFromWithin) throw internalOnly(flow.name);
      if (!schedules.isEmpty) schedules.ensure(ctx);
      return runner.invoke(ctx, flow.name, { input: withKey(input, keyParam, ctx.key) }, facts);
    },
  };
}

function statelessCores(program: Program, maySuspend: boolean): AnyCore[] {
  const { module, parts, traits } = program;
  const isShared = parts.statelessMemory === 'shared';
  const runner = new ProgramRunner(program, module.name);
  const durable = new Set(
    module.flows.flatMap(({ name }) => {
      const trait = traits.get(name);
      return trait && isDurable(trait, isShared) ? [name] : [];
    }),
  );
  const flows: Record<string, RuntimeFlow> = {};
  for (const flow of module.flows)
    flows[flow.name] = statelessFlow(program, flow, durable.has(flow.name) ? undefined : runner);
  if (maySuspend) {
    const asksModels = [...traits.values()].some(({ asksModel }) => asksModel);
    flows['resume'] = forwardResume(module.name, isShared, timeLimitOf(parts, asksModels));
  }
  const main = buildCore({
    module,
    name: module.name,
    instance: instanceOf(module),
    memory: memoryFieldsOf(module, []),
    flows,
    on: subscriptionsOf(module),
    events: eventsOf(module),
  });
  const needsGrains = durable.size > 0 || schedulesOf(module).length > 0;
  return needsGrains ? [main, executionsCore(program, maySuspend)] : [main];
}

/** `runner`: runs it where it is called; without one it is sent on to a grain. */
function statelessFlow(program: Program, flow: IRFlow, runner: ProgramRunner | undefined): RuntimeFlow {
  const { module, parts } = program;
  const isInternal = isInternalFlow(module, flow.name);
  const sendOn = forwardFlow(module.name, flow.name, parts.statelessMemory === 'shared');
  return {
    ...describe(program, flow),
    isInternal,
    run: (ctx, input) => {
      const facts = turnFactsOf(ctx);
      if (isInternal && !facts.isFromWithin) throw internalOnly(flow.name);
      return runner ? runner.invoke(ctx, flow.name, { input }, facts) : sendOn(ctx, input);
    },
  };
}
