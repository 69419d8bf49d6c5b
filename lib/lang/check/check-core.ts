// Pass 4: the declarations of the core (E110, E113, E203, W400, W403). All that stands here is known without running
// anything.
import type {
  ConfigParamNode,
  CoreMemberNode,
  CoreNode,
  FieldNode,
  InstanceNode,
  PluginNode,
  SettingsNode,
  TriggerNode,
} from '../syntax/ast.ts';
import { DYNAMIC } from '../types/construct.ts';
import type { Body } from './body.ts';
import { MODALITIES } from './check-model-block.ts';
import { constantOf, wordOf } from './constant.ts';
import {
  amountConstant,
  anyConstant,
  checkFields,
  choice,
  choices,
  CONSTRAINTS,
  countConstant,
  durationConstant,
  type FieldRule,
  type FieldRules,
  flowName,
  listRule,
  objectRule,
  setConstantType,
  textConstant,
  textListConstant,
  wordConstant,
} from './field-rules.ts';
import { didYouMean } from '../source/nearest.ts';

/** `body` is one for constants, in the scope of the entry file. */
export function checkCore(body: Body, core: CoreNode): void {
  const fields: FieldNode[] = [];
  const instances: InstanceNode[] = [];
  for (const member of core.members) {
    if (member.kind === 'field') fields.push(member);
    else if (member.kind === 'instance') instances.push(member);
    else checkMember(body, member);
  }
  checkFields(body, '@core', core.name.span, fields, CORE);
  const [instance, second] = instances;
  if (second) body.error('E112', second.span, "'instance' is given twice");
  if (instance) checkInstance(body, instance);
  checkMemoryMode(body, core, instance?.mode.text ?? 'stateless');
}

const IDENTITY: FieldRules = {
  rules: {
    name: textConstant,
    personality: textConstant,
    persona: textConstant,
    languages: textListConstant,
    avatar: anyConstant,
  },
};
const VERSION = /^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/;
const version: FieldRule = (body, value, name) => {
  textConstant(body, value, name);
  if (value.kind === 'string' && !VERSION.test(value.value))
    body.error('E113', value.span, 'a version has three numbers', { hint: '"1.0.0"' });
};
const CORE: FieldRules = {
  rules: { version, description: textConstant, identity: objectRule("'identity'", IDENTITY) },
};

function checkMember(body: Body, member: CoreMemberNode): void {
  switch (member.kind) {
    case 'models':
      for (const { value } of member.entries) checkFields(body, 'a model', value.span, value.fields, MODEL);
      return;
    case 'plugins':
      for (const plugin of member.entries) checkPlugin(body, plugin);
      return;
    case 'memory':
    case 'reference':
      for (const { initial } of member.fields)
        if (initial) {
          setConstantType(body, initial);
          body.error('E113', initial.span, `${member.kind} fields have no value of their own`);
        }
      return;
    case 'config':
      for (const param of member.params) checkConfigParam(body, param);
      return;
    case 'constraints':
    case 'identity':
    case 'conversation_policy':
      checkSettings(body, member);
      return;
    case 'triggers':
      checkTriggers(body, member.entries);
      return;
    case 'subscription': {
      const rules: FieldRules = { rules: { flow: flowName } };
      checkFields(body, '@on', member.event.span, member.fields, rules);
      return;
    }
    default:
      return;
  }
}

// ---- Instance ----

const BOUNDS = {
  idle_timeout: durationConstant,
  max_concurrent: countConstant,
  max_active_instances: countConstant,
  overflow: choice('deactivate_lru', 'reject', 'queue'),
};
const entityKey: FieldRule = (body, value) => {
  setConstantType(body, value);
  if (wordOf(value) === undefined || value.kind === 'symbol')
    body.error('E113', value.span, 'the entity key is the name of an input', {
      hint: 'entity_key = "customer_id"',
    });
};
const INSTANCE: Readonly<Record<string, FieldRules>> = {
  stateless: { rules: { max_concurrent: countConstant }, ownsShape: true },
  singleton: { rules: BOUNDS, ownsShape: true },
  entity: { rules: { ...BOUNDS, key: entityKey, entity_key: entityKey }, ownsShape: true },
};

function checkInstance(body: Body, instance: InstanceNode): void {
  const { mode } = instance;
  const rules = Object.hasOwn(INSTANCE, mode.text) ? INSTANCE[mode.text] : undefined;
  // An unknown mode is the parser's.
  if (!rules) return;
  const what = `instance :${mode.text}`;
  const fields = checkFields(body, what, mode.span, [...instance.args, ...instance.fields], rules);
  const keys = [fields.get('key'), fields.get('entity_key')].filter((field) => field !== undefined);
  const [, second] = keys;
  if (second) body.error('E112', second.span, 'the entity key is given twice');
  if (mode.text === 'entity' && keys.length === 0)
    body.error('E110', mode.span, 'an entity needs its key', { hint: ':entity(key = "customer_id")' });
  if (mode.text === 'singleton' && !fields.has('max_concurrent'))
    body.error('W403', mode.span, 'without max_concurrent, calls of a singleton run at the same time', {
      hint: ':singleton { max_concurrent = 1 }',
    });
}

function checkMemoryMode(body: Body, core: CoreNode, mode: string): void {
  if (mode !== 'stateless') return;
  const memory = core.members.find(({ kind }) => kind === 'memory');
  if (!memory) return;
  const hint = 'use :entity or :singleton, or a plugin, if it has to remember';
  const span = { start: memory.span.start, end: memory.span.start + '@memory'.length };
  body.error('W400', span, 'a stateless core begins with empty memory each time', { hint });
}

// ---- Models, plugins, config ----

const MODEL: FieldRules = {
  rules: {
    provider: wordConstant,
    model: textConstant,
    temperature: amountConstant,
    role: textConstant,
    modalities: choices(...MODALITIES),
    fallback: listRule(
      objectRule('a fallback', {
        rules: { provider: wordConstant, model: textConstant },
        required: ['model'],
      }),
    ),
    use_when: textConstant,
  },
};

function checkPlugin(body: Body, plugin: PluginNode): void {
  checkFree(body, `plugin '${plugin.alias.text}'`, plugin.settings);
}

/** Fields of any name. */
function checkFree(body: Body, what: string, fields: readonly FieldNode[]): void {
  const rules = Object.fromEntries(fields.map(({ name }) => [name.text, anyConstant]));
  checkFields(body, what, fields[0]?.span ?? { start: 0, end: 0 }, fields, { rules });
}

const MODIFIERS = ['runtime_configurable', 'hot_reload', 'secret'];

function checkConfigParam(body: Body, param: ConfigParamNode): void {
  const { name, initial, modifiers } = param;
  if (initial) {
    const declared = body.program.tables.config.get(name.text)?.type ?? DYNAMIC;
    const isConstant = constantOf(initial) !== undefined;
    if (isConstant) body.check(initial, declared);
    else if (initial.kind !== 'expr_error') anyConstant(body, initial, name.text);
  }
  const given = new Set<string>();
  for (const modifier of modifiers) {
    const text = modifier.text.replace(/^@/, '');
    if (!MODIFIERS.includes(text))
      body.error(
        'E113',
        modifier.span,
        `parameters have no modifier '@${text}'`,
        didYouMean(text, MODIFIERS),
      );
    else if (given.has(text)) body.error('E112', modifier.span, `'@${text}' is given twice`);
    given.add(text);
  }
  checkFree(body, `parameter '${name.text}'`, param.settings);
}

function checkSettings(body: Body, settings: SettingsNode): void {
  const { kind, fields, span } = settings;
  if (kind === 'constraints') checkFields(body, '@constraints', span, fields, { rules: CONSTRAINTS });
  else if (kind === 'identity') checkFields(body, '@identity', span, fields, IDENTITY);
  else checkFree(body, '@conversation_policy', fields);
}

// ---- Triggers ----

const path: FieldRule = (body, value, name) => {
  textConstant(body, value, name);
  if (value.kind === 'string' && !value.value.startsWith('/'))
    body.error('E113', value.span, "a path begins with '/'");
};
const TRIGGERS: Readonly<Record<TriggerNode['trigger'], FieldRules>> = {
  api: { rules: { flow: flowName, auth: anyConstant } },
  webhook: {
    rules: {
      flow: flowName,
      method: choice('GET', 'POST', 'PUT', 'PATCH', 'DELETE'),
      path,
      auth: anyConstant,
    },
  },
  schedule: { rules: { flow: flowName, cron: textConstant, timezone: textConstant } },
  internal: { rules: { flow: flowName } },
};

function checkTriggers(body: Body, entries: readonly TriggerNode[]): void {
  const given = new Set<string>();
  for (const { trigger, name, fields } of entries) {
    if (given.has(name.text)) body.error('E201', name.span, `trigger '${name.text}' is declared twice`);
    given.add(name.text);
    checkFields(body, `@${trigger}`, name.span, fields, TRIGGERS[trigger]);
  }
}
