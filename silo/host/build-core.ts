// A Core out of the parts of a program: exactly what `defineCore` gives for the same Core in TypeScript.
import {
  type AnyCore,
  type CoreDefinition,
  defineCore,
  entity,
  type Flow,
  GrainError,
  type InstanceSpec,
  singleton,
  stateless,
} from '../../lib/index.ts';
import type { IRModule } from '../../lib/lang/index.ts';
import { sourcesOf } from './core-names.ts';
import { isInternalFlow, type RuntimeFlow } from './flow-rules.ts';
import { asRaised } from './program-runner.ts';

export interface CorePlan {
  readonly module: IRModule;
  readonly name: string;
  readonly instance: InstanceSpec<string>;
  readonly memory: Record<string, unknown>;
  readonly flows: Readonly<Record<string, RuntimeFlow>>;
  /** `core://name/event` → flow. */
  readonly on: Readonly<Record<string, string>>;
  /** Incoming event → flow. */
  readonly events: Readonly<Record<string, string>>;
}

/** @throws ERR_CORE_INVALID */
export function buildCore(plan: CorePlan, more: Partial<CoreDefinition> = {}): AnyCore {
  const { module, name, instance, memory, flows, on, events } = plan;
  const { version, description } = module;
  const core = defineCore({
    name,
    version: /^\d+\.\d+\.\d+/.test(version) ? version : `${version}.0`,
    instance: instance as InstanceSpec<never>,
    memory,
    events,
    on,
    ...(description === undefined ? {} : { description }),
  }).flows((flow) => {
    const built = Object.entries(flows).map(([flowName, { run, isInternal: _isInternal, ...rest }]) => {
      const spec = { ...rest, run: guarded(run) };
      return [flowName, flow(spec as never)] as const;
    });
    return Object.fromEntries(built) as Record<string, Flow<never, unknown>>;
  });
  const { definition } = core;
  const marked = [...definition.flows].map(
    ([flowName, flow]) =>
      [
        flowName,
        flows[flowName]?.isInternal === true ? Object.freeze({ ...flow, isInternal: true }) : flow,
      ] as const,
  );
  return Object.freeze({ definition: Object.freeze({ ...definition, flows: new Map(marked), ...more }) });
}

/** What the language throws where it should answer reaches callers as a failure of the flow, with its type. */
function guarded(run: RuntimeFlow['run']): RuntimeFlow['run'] {
  return (ctx, input) => {
    try {
      return run(ctx, input);
    } catch (thrown) {
      throw thrown instanceof GrainError ? thrown : asRaised(thrown);
    }
  };
}

export function instanceOf({ instance }: IRModule): InstanceSpec<string> {
  const { mode, entity_key, idle_timeout_ms, max_concurrent, max_active_instances, overflow } = instance;
  const options = {
    ...(idle_timeout_ms === undefined ? {} : { idleTimeoutMs: idle_timeout_ms }),
    ...(max_concurrent === undefined ? {} : { maxConcurrent: max_concurrent }),
    ...(max_active_instances === undefined ? {} : { maxActiveInstances: max_active_instances }),
    ...(overflow === undefined ? {} : { overflow }),
  };
  if (mode === 'stateless') return stateless(options);
  return mode === 'singleton' ? singleton(options) : entity({ ...options, entityKey: entity_key ?? '' });
}

/** Webhooks and API triggers by their names, and every flow that may be called from outside by its own. */
export function eventsOf(module: IRModule): Record<string, string> {
  const callable = module.flows.filter(({ name }) => !isInternalFlow(module, name));
  const own = callable.map(({ name }) => [name, name] as const);
  const named = module.triggers
    .filter(({ kind }) => kind !== 'schedule')
    .map(({ name, target_flow }) => [name, target_flow] as const);
  return Object.fromEntries([...own, ...named]);
}

export function subscriptionsOf({ subscriptions }: IRModule): Record<string, string> {
  return Object.fromEntries(
    subscriptions.flatMap(({ event, source_core, target_flow }) =>
      sourcesOf(source_core).map((source) => [`core://${source}/${event}`, target_flow] as const),
    ),
  );
}
