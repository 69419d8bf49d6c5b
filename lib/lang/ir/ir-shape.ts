// The structural check of IR that comes from outside: after it, an `IRModule` is what its type says, and every name in it
// leads somewhere. Owns nothing of what a program may do; that is ../verify.
//   S1. Linear in the size of the module, bounded in depth and size (shape-kit.ts).
//   S2. Unknown fields and kinds are refused, but for what `metadata` holds: a newer schema has another version.
import { checkValue } from './check-value.ts';
import type { IRModule, JsonValue } from './ir.ts';
import { blocks, constraintLists, coreUri, location } from './shape-body.ts';
import { expr, identifier, key, known, type ModuleCheck, type } from './shape-expr.ts';
import {
  amount,
  bool,
  count,
  json,
  type JsonRecord,
  like,
  list,
  object,
  oneOf,
  record,
  ShapePlace,
  text,
  whole,
} from './shape-kit.ts';
import { ModulePlace } from './shape-names.ts';

/** @throws ERR_BUNDLE_INVALID, which names the place */
export function checkShape(value: unknown): asserts value is IRModule {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ShapePlace().problem('has to be an object');
  const place = new ModulePlace(value as JsonRecord);
  moduleCheck(value as JsonValue, place);
  requireUnique(value as JsonRecord, place);
  requireProductiveTypes(value as unknown as IRModule, place);
  requireDefaults(value as unknown as IRModule, place);
  place.requirePurity();
}

// ---- The module ----

const flowIdentifier: ModuleCheck = like(/^[A-Za-z_][A-Za-z0-9_.:-]*$/, 'the name of a flow');
const segment: ModuleCheck = like(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a name');
const version: ModuleCheck = like(/^\d+\.\d+(\.\d+)?([-+][0-9A-Za-z.+-]+)?$/, 'a version');
const entryFlow = known('flow', ({ entryFlows }) => entryFlows);

const instance = object<ModulePlace>(
  { mode: oneOf(['stateless', 'entity', 'singleton']) },
  {
    entity_key: identifier,
    idle_timeout_ms: whole,
    max_concurrent: count,
    max_active_instances: count,
    overflow: oneOf(['deactivate_lru', 'reject', 'queue']),
  },
);
const identity = object<ModulePlace>(
  {},
  {
    name: text,
    persona: text,
    languages: list(text),
    avatar: object({ content_type: text, data_b64: text }),
  },
);
const configParam = object<ModulePlace>(
  { name: identifier, type },
  {
    default: json,
    runtime_configurable: bool,
    hot_reload: bool,
    secret: bool,
    settings: record(key, json),
  },
);
const model = object<ModulePlace>(
  {
    provider: text,
    model: text,
    modalities: list(text),
    fallback: list(object({ provider: text, model: text })),
  },
  { temperature: amount, role: text, use_when: text },
);
const plugin = object<ModulePlace>(
  { alias: identifier, publisher: segment, name: segment, version },
  { settings: record(key, json) },
);
const trigger = object<ModulePlace>(
  { kind: oneOf(['api', 'webhook', 'schedule']), name: identifier, target_flow: entryFlow },
  { method: text, path: text, auth: json, cron: text, timezone: text },
);
const subscription = object<ModulePlace>({ event: identifier, source_core: coreUri, target_flow: entryFlow });

const paramFields = object<ModulePlace>({ name: identifier, type }, { default: expr });
const param: ModuleCheck = (value, place) => {
  place.defaultNames = place.params;
  paramFields(value, place);
  place.defaultNames = undefined;
  const name = (value as JsonRecord)['name'] as string;
  if (place.params.has(name)) throw place.problem(`has the name '${name}' of another parameter`);
  place.params.add(name);
  place.bind(name);
};
const flowOf = (roles: readonly string[]): ModuleCheck => {
  const fields = object<ModulePlace>(
    { name: flowIdentifier, role: oneOf(roles), params: list(param), return_type: type, body: blocks },
    { async: bool, source_location: location },
  );
  return (value, place) => {
    const name = typeof value === 'object' ? (value as JsonRecord | null)?.['name'] : undefined;
    place.beginFlow(typeof name === 'string' ? name : '');
    fields(value, place);
    place.endFlow();
  };
};

const moduleCheck = object<ModulePlace>(
  {
    schema_version: version,
    name: like(/^[A-Za-z_][A-Za-z0-9_-]*$/, 'a name'),
    version,
    instance,
    types: record(key, type),
    config: list(configParam),
    memory: record(identifier, type),
    reference: record(identifier, type),
    models: record(identifier, model),
    plugins: list(plugin),
    triggers: list(trigger),
    subscriptions: list(subscription),
    flows: list(flowOf(['flow'])),
    functions: list(flowOf(['transformer', 'evaluator', 'pipeline'])),
    internal_flows: list(entryFlow),
  },
  {
    description: text,
    identity,
    constraints: object({}, constraintLists),
    conversation_policy: record(key, json),
    metadata: record(key, json),
  },
);

// ---- What no field can say by itself ----

function requireUnique(module: JsonRecord, place: ModulePlace): void {
  const namesIn = (field: string, name: string): string[] =>
    (module[field] as readonly JsonRecord[]).map((item) => item[name] as string);
  requireDistinct([...namesIn('flows', 'name'), ...namesIn('functions', 'name')], 'flow', place);
  requireDistinct(namesIn('plugins', 'alias'), 'plugin', place);
  requireDistinct(namesIn('config', 'name'), 'parameter', place);
  requireDistinct(namesIn('triggers', 'name'), 'trigger', place);
  const { mode, entity_key: entityKey } = module['instance'] as JsonRecord;
  if (mode === 'entity' && entityKey === undefined) throw place.problem('is an entity without a key');
}

function requireDistinct(names: readonly string[], what: string, place: ModulePlace): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw place.problem(`has the ${what} '${name}' twice`);
    seen.add(name);
  }
}

function requireDefaults({ config, types }: IRModule, place: ModulePlace): void {
  for (const { name, type, default: initial } of config)
    if (initial !== undefined && checkValue(initial, type, types).length > 0)
      throw place.problem(`has the parameter '${name}', whose default is of another type`);
}

/**
 * A type that leads back to itself without a list, a map or an object between has no values, and whoever follows it does
 * not come back.
 */
function requireProductiveTypes(module: IRModule, place: ModulePlace): void {
  const state = new Map<string, 'open' | 'done'>();
  for (const start of Object.keys(module.types)) {
    const pending: { readonly name: string; readonly isEnd: boolean }[] = [{ name: start, isEnd: false }];
    for (let step = pending.pop(); step; step = pending.pop()) {
      const { name, isEnd } = step;
      if (isEnd) state.set(name, 'done');
      else if (state.get(name) === 'open')
        throw place.problem(`has the type '${name}', which is only itself`);
      else if (!state.has(name)) {
        state.set(name, 'open');
        pending.push({ name, isEnd: true });
        for (const next of namesWithin(module.types[name])) pending.push({ name: next, isEnd: false });
      }
    }
  }
}

/** The names that a value of the type may be a value of. */
function namesWithin(type: IRModule['types'][string] | undefined): string[] {
  const names: string[] = [];
  const pending = type ? [type] : [];
  for (let at = pending.pop(); at; at = pending.pop()) {
    if (at.kind === 'named') names.push(at.name);
    else if (at.kind === 'optional') pending.push(at.inner as (typeof pending)[number]);
    else if (at.kind === 'union') pending.push(...(at.members as typeof pending));
  }
  return names;
}
