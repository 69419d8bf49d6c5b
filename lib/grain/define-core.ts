import { GrainError } from '../errors/grain-error.ts';
import { isName } from '../ids/grain-id.ts';
import { resolveOptions, unknownOption } from '../options/resolve-options.ts';
import type {
  AnyFlows,
  CheckEntityKey,
  Core,
  CoreDefinition,
  CoreSpec,
  Flow,
  FlowBuilder,
  FlowDefinition,
  InstanceOptions,
  InstanceSpec,
  MigrationStep,
  ResolvedInstance,
} from './core-types.ts';
import { resolveFields } from './fields.ts';
import type { CheckMemory } from './memory-types.ts';
import type { StandardSchema } from './standard-schema.ts';

const INSTANCE_DEFAULTS: Required<InstanceOptions> = {
  idleTimeoutMs: 600_000,
  maxConcurrent: 1,
  maxActiveInstances: 1_000_000,
  overflow: 'deactivate_lru',
  mailboxDepthMax: 1_024,
  mailboxBytesMax: 16 * 1024 * 1024,
  reentrant: false,
  ownership: 'fenced',
  placement: 'hash',
};

function resolveInstance(
  mode: ResolvedInstance['mode'],
  given: InstanceOptions,
  entityKey?: string,
): ResolvedInstance {
  const count = { least: 1, isWhole: true } as const;
  const options = resolveOptions(INSTANCE_DEFAULTS, given, {
    idleTimeoutMs: { least: 1 },
    maxConcurrent: count,
    maxActiveInstances: count,
    mailboxDepthMax: count,
    mailboxBytesMax: count,
  });
  checkChoice('overflow', options.overflow, ['deactivate_lru', 'reject', 'queue']);
  checkChoice('ownership', options.ownership, ['fenced', 'exclusive']);
  checkChoice('placement', options.placement, ['hash', 'prefer_local']);
  return Object.freeze({ ...options, mode, entityKey });
}

function checkChoice(option: string, got: string, choices: readonly string[]): void {
  if (choices.includes(got)) return;
  const message = `${option} must be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}, not ${String(got)}`;
  throw new GrainError('ERR_OPTION_INVALID', { message, option });
}

/** One grain per value of the input property `entityKey`. */
export function entity<const Key extends string>(
  options: InstanceOptions & { readonly entityKey: Key },
): InstanceSpec<Key> {
  const { entityKey, ...rest } = options;
  if (typeof entityKey !== 'string' || entityKey === '') {
    const message = `entityKey must name an input property, not ${String(entityKey)}`;
    throw new GrainError('ERR_OPTION_INVALID', { message, option: 'entityKey' });
  }
  return { resolved: resolveInstance('entity', rest, entityKey), entityKey };
}

/** One grain for the whole cluster and tenant. */
export function singleton(options: InstanceOptions = {}): InstanceSpec<never> {
  return { resolved: resolveInstance('singleton', options) };
}

/** No memory between calls; calls run beside each other wherever they arrive, `maxConcurrent` of them (default 1,000). */
export function stateless(options: InstanceOptions = {}): InstanceSpec<never> {
  return { resolved: resolveInstance('stateless', { maxConcurrent: 1_000, ...options }) };
}

export interface CoreDraft<M, Key extends string> {
  /** The flows of the Core: `flows((flow) => ({ record: flow({ … }) }))`. */
  flows<F extends AnyFlows>(build: (flow: FlowBuilder<M, string>) => F & CheckEntityKey<F, Key>): Core<F>;
}

/** Defines a Core; hand the result to a host, or export it from a file for `granary dev`. @throws ERR_CORE_INVALID */
export function defineCore<M extends object = Record<never, never>, const Key extends string = never>(
  spec: CoreSpec<M & CheckMemory<M>, Key> & { readonly memory?: M & CheckMemory<M> },
): CoreDraft<M, Key> {
  return {
    flows(build) {
      const flow = defineFlow as unknown as FlowBuilder<M, string>;
      return Object.freeze({ definition: resolveCore(spec as CoreSpec<object, string>, build(flow)) });
    },
  };
}

const BRAND = Symbol.for('granary.core');

/** Whether a module's export is a Core; holds across two copies of this package. */
export function isCore(value: unknown): value is Core {
  if (typeof value !== 'object' || value === null) return false;
  const definition: unknown = (value as { readonly definition?: unknown }).definition;
  return typeof definition === 'object' && definition !== null && BRAND in definition;
}

interface FlowSpec extends Partial<Omit<FlowDefinition, 'run'>> {
  readonly run: (ctx: never, input: never) => unknown;
}

/** Names that the language asks any object for: a reference cannot answer to them with a flow. */
export const NOT_FLOWS: ReadonlySet<string> = new Set([
  'then',
  'constructor',
  'toJSON',
  'toString',
  'valueOf',
]);

const FLOW_OPTIONS: Readonly<Record<string, true>> = {
  input: true,
  output: true,
  readonly: true,
  level: true,
  read: true,
  timeLimitMs: true,
  description: true,
  run: true,
};

function defineFlow(spec: FlowSpec): Flow<never, unknown> {
  const { run, input, output, level, description, ...rest } = spec;
  for (const name of Object.keys(spec))
    if (!Object.hasOwn(FLOW_OPTIONS, name)) throw broken('flow', `unknown option ${name}`);
  if (typeof run !== 'function') throw broken('flow', 'run must be a function');
  checkLevel('flow', level);
  checkSchema('input', input);
  checkSchema('output', output);
  // A misspelt word would silently mean something else: a level that is not `committed` answers before it is durable.
  if (rest.read !== undefined && rest.read !== 'local' && rest.read !== 'checked')
    throw broken('flow', `read must be local or checked, not ${String(rest.read)}`);
  if (rest.readonly !== undefined && typeof rest.readonly !== 'boolean')
    throw broken('flow', `readonly must be true or false, not ${String(rest.readonly)}`);
  const options = resolveOptions(
    { readonly: false, read: 'local' as 'local' | 'checked', timeLimitMs: 30_000 },
    rest,
    {
      timeLimitMs: { least: 1 },
    },
  );
  return Object.freeze({ definition: Object.freeze({ ...options, run, input, output, level, description }) });
}

function checkLevel(where: string, level: unknown): void {
  if (level === undefined || level === 'committed' || level === 'async' || level === 'volatile') return;
  throw broken(where, `level must be committed, async or volatile, not ${String(level)}`);
}

function checkSchema(place: 'input' | 'output', schema: unknown): void {
  if (schema === undefined) return;
  const isThing = (typeof schema === 'object' && schema !== null) || typeof schema === 'function';
  const standard = isThing ? (schema as Partial<StandardSchema>)['~standard'] : undefined;
  if (typeof standard?.validate !== 'function')
    throw broken('flow', `${place} must be a Standard Schema, such as one of zod, valibot or arktype`);
}

const SPEC_OPTIONS: { readonly [K in keyof Required<CoreSpec<object, string>>]: true } = {
  name: true,
  version: true,
  schema: true,
  migrate: true,
  instance: true,
  memory: true,
  level: true,
  events: true,
  on: true,
  emissionsKept: true,
  description: true,
};

function resolveCore(spec: CoreSpec<object, string>, flows: AnyFlows): CoreDefinition {
  for (const option of Object.keys(spec))
    if (!Object.hasOwn(SPEC_OPTIONS, option)) throw unknownOption(option, Object.keys(SPEC_OPTIONS));
  const { name, version, schema = 1 } = spec;
  if (!isName(name))
    throw broken(String(name), 'name must be a letter, then up to 63 letters, digits, _ . or -');
  if (!/^\d+\.\d+\.\d+/.test(version))
    throw broken(name, `version must be MAJOR.MINOR.PATCH, not ${String(version)}`);
  if (!Number.isInteger(schema) || schema < 1) throw broken(name, 'schema must be a whole number from 1');
  checkLevel(name, spec.level);
  const { emissionsKept } = resolveOptions(
    { emissionsKept: 1_000 },
    { emissionsKept: spec.emissionsKept },
    { emissionsKept: { least: 0, isWhole: true } },
  );
  const definitions = new Map<string, FlowDefinition>();
  for (const [flowName, flow] of Object.entries(flows)) {
    if (!isName(flowName) || NOT_FLOWS.has(flowName)) {
      throw broken(name, `a flow may not be called ${flowName}`);
    }
    definitions.set(flowName, flow.definition);
  }
  const definition = {
    [BRAND]: true,
    name,
    version,
    schema,
    migrate: resolveMigrations(name, schema, spec.migrate ?? {}),
    instance: spec.instance?.resolved ?? stateless().resolved,
    fields: resolveFields(name, (spec.memory ?? {}) as Record<string, unknown>),
    level: spec.level ?? 'committed',
    flows: definitions,
    events: resolveTriggers(name, 'events', spec.events ?? {}, definitions),
    on: resolveSubscriptions(name, spec.on ?? {}, definitions),
    emissionsKept,
    description: spec.description,
  };
  return Object.freeze(definition);
}

function resolveMigrations(
  core: string,
  schema: number,
  steps: Readonly<Record<number, MigrationStep>>,
): ReadonlyMap<number, MigrationStep> {
  const resolved = new Map(Object.entries(steps).map(([to, step]) => [Number(to), step]));
  for (let to = 2; to <= schema; to += 1) {
    if (typeof resolved.get(to) !== 'function') throw broken(core, `schema ${schema} needs migrate[${to}]`);
  }
  for (const to of resolved.keys()) {
    if (to < 2 || to > schema) throw broken(core, `migrate[${to}] leads to no schema from 2 to ${schema}`);
  }
  return resolved;
}

function resolveTriggers(
  core: string,
  place: string,
  given: Readonly<Record<string, string>>,
  flows: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, string> {
  for (const [trigger, flow] of Object.entries(given)) {
    if (!flows.has(flow)) throw broken(core, `${place}['${trigger}'] names ${flow}, which is not a flow`);
  }
  return new Map(Object.entries(given));
}

function resolveSubscriptions(
  core: string,
  given: Readonly<Record<string, string>>,
  flows: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, string> {
  for (const uri of Object.keys(given)) {
    if (!/^core:\/\/[A-Za-z][\w.-]*\/[^/\s]+$/.test(uri))
      throw broken(core, `on['${uri}'] must be core://name/event`);
  }
  return resolveTriggers(core, 'on', given, flows);
}

function broken(core: string, problem: string): GrainError {
  return new GrainError('ERR_CORE_INVALID', { message: `Core ${core}: ${problem}`, core });
}
