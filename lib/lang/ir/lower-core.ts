// The declarations of a core, as the head of its module.
import type { CheckedProgram } from '../check/checked.ts';
import { constantOf } from '../check/constant.ts';
import type { CoreMemberNode, FieldNode, InstanceNode, TriggerNode } from '../syntax/ast.ts';
import type {
  IRConfigParam,
  IRConstraints,
  IRIdentity,
  IRInstance,
  IRModel,
  IRModule,
  IRPlugin,
  IRSubscription,
  IRTrigger,
  JsonValue,
} from './ir.ts';
import {
  constantField,
  constantFields,
  durationMs,
  fieldNamed,
  irType,
  type LoweringProgram,
  wordIn,
} from './lower-context.ts';

export type ModuleHead = Omit<IRModule, 'schema_version' | 'flows' | 'functions'>;

export function lowerHead(program: LoweringProgram): ModuleHead {
  const { checked } = program;
  const members = checked.core?.members ?? [];
  const fields = members.filter((member): member is FieldNode => member.kind === 'field');
  const identity = lowerIdentity(members, fields);
  const constraints = membersOf(members, 'constraints').flatMap((node) => node.fields);
  const policy = membersOf(members, 'conversation_policy').flatMap((node) => node.fields);
  const description = constantField(fields, 'description');
  const instance = membersOf(members, 'instance')[0];
  const triggers = membersOf(members, 'triggers').flatMap((node) => node.entries);
  return {
    name: checked.core?.name.text ?? 'Module',
    version: textOf(constantField(fields, 'version')) ?? '0.0.0',
    ...(typeof description === 'string' && { description }),
    instance: lowerInstance(instance),
    ...(identity && { identity }),
    types: mapped(checked.types, irType),
    config: lowerConfig(checked),
    memory: mapped(checked.memory, ({ type }) => irType(type)),
    reference: mapped(checked.reference, ({ type }) => irType(type)),
    models: mapped(checked.models, ({ value }) => lowerModel(value.fields)),
    plugins: lowerPlugins(checked),
    ...(constraints.length > 0 && { constraints: constantFields(constraints) as IRConstraints }),
    ...(policy.length > 0 && { conversation_policy: constantFields(policy) }),
    triggers: triggers.flatMap((node) => lowerTrigger(program, node)),
    subscriptions: lowerSubscriptions(program, members),
    internal_flows: triggers
      .filter(({ trigger }) => trigger === 'internal')
      .map((node) => flowOf(program, node.fields)),
  };
}

function mapped<T, R>(entries: ReadonlyMap<string, T>, lower: (value: T) => R): Record<string, R> {
  return Object.fromEntries([...entries].map(([name, value]) => [name, lower(value)]));
}

type MemberOf<Kind extends CoreMemberNode['kind']> = Extract<CoreMemberNode, { readonly kind: Kind }>;

/** Kinds that share a node (`constraints`, `identity`, …) are told apart by their `kind`. */
function membersOf<Kind extends CoreMemberNode['kind']>(
  members: readonly CoreMemberNode[],
  kind: Kind,
): readonly (MemberOf<Kind> extends never
  ? Extract<CoreMemberNode, { readonly fields: readonly FieldNode[] }>
  : MemberOf<Kind>)[] {
  return members.filter((member) => member.kind === kind) as never;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function lowerIdentity(
  members: readonly CoreMemberNode[],
  fields: readonly FieldNode[],
): IRIdentity | undefined {
  const field = fieldNamed(fields, 'identity');
  const given = [
    ...(field?.kind === 'object' ? field.fields : []),
    ...membersOf(members, 'identity').flatMap((node) => node.fields),
  ];
  if (given.length === 0) return undefined;
  const { personality, persona = personality, ...rest } = constantFields(given);
  return { ...rest, ...(persona !== undefined && { persona }) } as IRIdentity;
}

function lowerInstance(node: InstanceNode | undefined): IRInstance {
  if (!node) return { mode: 'stateless' };
  const fields = [...node.args, ...node.fields];
  const key = wordIn(fieldNamed(fields, 'key') ?? fieldNamed(fields, 'entity_key'));
  const idle = durationMs(constantField(fields, 'idle_timeout'));
  const bounds: Record<string, JsonValue> = {};
  for (const name of ['max_concurrent', 'max_active_instances', 'overflow']) {
    const value = constantField(fields, name);
    if (value !== undefined) bounds[name] = value;
  }
  return {
    mode: node.mode.text as IRInstance['mode'],
    ...(key !== undefined && { entity_key: key }),
    ...(idle !== undefined && { idle_timeout_ms: idle }),
    ...bounds,
  };
}

function lowerModel(fields: readonly FieldNode[]): IRModel {
  const given = constantFields(fields) as Partial<IRModel>;
  const fallback = (given.fallback ?? []).map((entry) => ({
    ...entry,
    provider: entry.provider ?? 'scaigrid',
  }));
  return {
    ...given,
    provider: given.provider ?? 'scaigrid',
    model: given.model ?? '',
    modalities: given.modalities ?? ['text', 'structured_output'],
    fallback,
  };
}

function lowerConfig(checked: CheckedProgram): readonly IRConfigParam[] {
  return [...checked.config.values()].map(({ name, type, node }) => {
    const initial = node.initial && constantOf(node.initial);
    const modifiers = node.modifiers.map(({ text }) => [text.replace(/^@/, ''), true]);
    return {
      name,
      type: irType(type),
      ...(initial !== undefined && { default: initial }),
      ...(Object.fromEntries(modifiers) as Partial<IRConfigParam>),
      ...(node.settings.length > 0 && { settings: constantFields(node.settings) }),
    };
  });
}

function lowerPlugins(checked: CheckedProgram): readonly IRPlugin[] {
  return [...checked.plugins.values()].map(({ alias, node }) => ({
    alias,
    publisher: node.publisher.text,
    name: node.name.text,
    version: node.version.text,
    ...(node.settings.length > 0 && { settings: constantFields(node.settings) }),
  }));
}

/** The unique name of the flow that `flow = …` means. */
function flowOf({ checked }: LoweringProgram, fields: readonly FieldNode[]): string {
  const value = fieldNamed(fields, 'flow');
  const resolution = value && checked.resolutionOf(value);
  return resolution?.kind === 'callable' ? resolution.name : (wordIn(value) ?? '');
}

function lowerTrigger(program: LoweringProgram, node: TriggerNode): readonly IRTrigger[] {
  const { trigger, name, fields, span } = node;
  if (trigger === 'internal') return [];
  const settings = constantFields(fields.filter((field) => field.name.text !== 'flow'));
  const lowered: IRTrigger = {
    kind: trigger,
    name: name.text,
    target_flow: flowOf(program, fields),
    ...(settings as Partial<IRTrigger>),
  };
  program.origins?.set(lowered, { source: program.checked.entry.source, span });
  return [lowered];
}

function lowerSubscriptions(
  program: LoweringProgram,
  members: readonly CoreMemberNode[],
): readonly IRSubscription[] {
  return membersOf(members, 'subscription').map(({ event, source, fields }) => ({
    event: event.text,
    source_core: source.text,
    target_flow: flowOf(program, fields),
  }));
}
