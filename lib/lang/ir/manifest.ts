// What a module looks like from outside: for `--emit-manifest`, catalogues and admin pages. Secrets of `@config` have no
// default here; plugin settings, and what webhooks are guarded with, are left out.
import { typeSource } from '../types/print-type.ts';
import { isOptionalParam } from './named-types.ts';
import type {
  IRConstraints,
  IRFlow,
  IRInstance,
  IRModel,
  IRModule,
  IRSubscription,
  IRTrigger,
  IRType,
  JsonValue,
} from './ir.ts';

export interface ManifestFlow {
  readonly name: string;
  readonly params: readonly { readonly name: string; readonly type: string; readonly is_optional: boolean }[];
  readonly returns: string;
  readonly is_internal: boolean;
}

/** As ScaiCore's tools know it; the names follow the IR. */
export interface CoreManifest {
  readonly name: string;
  readonly version: string;
  readonly schema_version: string;
  readonly description?: string;
  readonly instance: IRInstance;
  readonly identity?: { readonly name?: string; readonly languages?: readonly string[] };
  readonly flows: readonly ManifestFlow[];
  readonly functions: readonly ManifestFlow[];
  readonly types: Readonly<Record<string, string>>;
  readonly triggers: readonly Omit<IRTrigger, 'auth'>[];
  readonly subscriptions: readonly IRSubscription[];
  readonly plugins: readonly {
    readonly alias: string;
    readonly publisher: string;
    readonly name: string;
    readonly version: string;
  }[];
  readonly models: Readonly<Record<string, IRModel>>;
  readonly memory: Readonly<Record<string, string>>;
  readonly reference: Readonly<Record<string, string>>;
  readonly config: readonly {
    readonly name: string;
    readonly type: string;
    readonly default?: JsonValue;
    readonly is_secret: boolean;
    readonly is_runtime_configurable: boolean;
  }[];
  readonly constraints?: IRConstraints;
}

export function manifestOf(module: IRModule): CoreManifest {
  const { identity } = module;
  return {
    name: module.name,
    version: module.version,
    schema_version: module.schema_version,
    ...(module.description !== undefined && { description: module.description }),
    instance: module.instance,
    ...(identity && {
      identity: {
        ...(identity.name !== undefined && { name: identity.name }),
        ...(identity.languages && { languages: identity.languages }),
      },
    }),
    flows: module.flows.map((flow) => flowOf(flow, module)),
    functions: module.functions.map((flow) => flowOf(flow, module)),
    types: texts(module.types),
    triggers: module.triggers.map(({ auth: _auth, ...trigger }) => trigger),
    subscriptions: module.subscriptions,
    plugins: module.plugins.map(({ alias, publisher, name, version }) => ({
      alias,
      publisher,
      name,
      version,
    })),
    models: module.models,
    memory: texts(module.memory),
    reference: texts(module.reference),
    config: module.config.map((param) => ({
      name: param.name,
      type: typeSource(param.type),
      ...(param.default !== undefined && param.secret !== true && { default: param.default }),
      is_secret: param.secret === true,
      is_runtime_configurable: param.runtime_configurable === true,
    })),
    ...(module.constraints && { constraints: module.constraints }),
  };
}

function texts(types: Readonly<Record<string, IRType>>): Record<string, string> {
  return Object.fromEntries(Object.entries(types).map(([name, type]) => [name, typeSource(type)]));
}

function flowOf(flow: IRFlow, module: IRModule): ManifestFlow {
  return {
    name: flow.name,
    params: flow.params.map(({ name, type, default: given }) => ({
      name,
      type: typeSource(type),
      is_optional: isOptionalParam({ type, default: given }, module.types),
    })),
    returns: typeSource(flow.return_type),
    is_internal: module.internal_flows.includes(flow.name),
  };
}
