// What a construct does that no `@test` can see: what it comes to in the module, what a model is asked, what follows the
// answer to a checkpoint. By the id of the construct.
import type { IRModule, JsonValue } from '../../../lib/lang/index.ts';

/** Parts of the module, as they have to be. */
export const DECLARED: Readonly<Record<string, Partial<IRModule>>> = {
  '2.4-top-level/core': { name: 'Desk', version: '0.3.0', description: 'answers mail' },
  '2.5-core/instance-stateless': { instance: { mode: 'stateless', max_concurrent: 8 } },
  '2.5-core/instance-singleton': {
    instance: { mode: 'singleton', max_concurrent: 1, idle_timeout_ms: 1_800_000, overflow: 'queue' },
  },
  '2.5-core/instance-entity': {
    instance: {
      mode: 'entity',
      entity_key: 'customer_id',
      idle_timeout_ms: 1_800_000,
      max_concurrent: 1,
      max_active_instances: 1_000,
      overflow: 'deactivate_lru',
    },
  },
  '2.5-core/instance-entity-fields': {
    instance: {
      mode: 'entity',
      entity_key: 'customer_id',
      idle_timeout_ms: 600_000,
      max_concurrent: 1,
      max_active_instances: 1_000,
      overflow: 'reject',
    },
  },
  '2.5-core/instance-overflow': {
    instance: { mode: 'entity', entity_key: 'id', max_active_instances: 2, overflow: 'reject' },
  },
  '2.5-core/identity': {
    identity: {
      name: 'Dee',
      persona: 'short and friendly',
      languages: ['en', 'nl'],
      avatar: { content_type: 'image/png', data_b64: 'iVBORw0KGgo=' },
    },
  },
  '2.5-core/identity-block': { identity: { name: 'Reg', persona: 'dry', languages: ['en'] } },
  '2.5-core/plugins': {
    plugins: [
      { alias: 'ocr', publisher: 'acme', name: 'document-ocr', version: '1.12.3' },
      {
        alias: 'ledger',
        publisher: 'acme',
        name: 'books',
        version: '2.1',
        settings: { instance: 'sandbox', api_version: 'v3' },
      },
    ],
  },
  '2.5-core/models': {
    models: {
      primary: {
        provider: 'openai',
        model: 'gpt-4o-mini',
        temperature: 0.2,
        role: 'general',
        modalities: ['text', 'structured_output', 'vision'],
        fallback: [{ provider: 'scaigrid', model: 'poolnoodle/omni' }],
        use_when: 'always',
      },
      reviewer: {
        provider: 'scaigrid',
        model: 'large',
        modalities: ['text', 'structured_output'],
        fallback: [],
      },
    },
  },
  '2.5-core/config-modifiers': {
    config: [
      {
        name: 'limit',
        type: { kind: 'primitive', name: 'int' },
        default: 3,
        runtime_configurable: true,
      },
      { name: 'tone', type: { kind: 'primitive', name: 'string' }, default: 'calm', hot_reload: true },
      { name: 'api_key', type: { kind: 'primitive', name: 'string' }, default: 'k', secret: true },
    ],
  },
  '2.5-core/trigger-api': {
    triggers: [{ kind: 'api', name: 'ask', target_flow: 'answer', auth: 'token' }],
  },
  '2.5-core/trigger-webhook': {
    triggers: [
      {
        kind: 'webhook',
        name: 'mail_in',
        target_flow: 'handle_mail',
        method: 'POST',
        path: '/mail',
        auth: 'token',
      },
    ],
  },
  '2.5-core/trigger-schedule': {
    triggers: [
      {
        kind: 'schedule',
        name: 'nightly',
        target_flow: 'digest',
        cron: '0 2 * * *',
        timezone: 'Europe/Amsterdam',
      },
    ],
  },
  '2.5-core/trigger-internal': { triggers: [], internal_flows: ['archive'] },
  '2.5-core/subscription': {
    subscriptions: [{ event: 'ticket_closed', source_core: 'core://acme/helpdesk', target_flow: 'archive' }],
  },
};

export interface Asked {
  readonly flow: string;
  readonly input: Readonly<Record<string, JsonValue>>;
  /** Texts that the model has to find in what it is asked. */
  readonly finds: readonly string[];
}

/** What the first request to a model has to say. */
export const ASKED: Readonly<Record<string, Asked>> = {
  '2.5-core/constraints': {
    flow: 'f',
    input: {},
    finds: ['promise a refund', 'stay polite', 'short answers'],
  },
  '2.5-core/conversation-policy': { flow: 'f', input: {}, finds: ['formal', '20', 'anger'] },
  '2.6-blocks/flexible': {
    flow: 'f',
    input: { question: 'Why?' },
    finds: ['Answer.', 'Why?', 'hello', 'One sentence.', 'Mo', 'swear', 'be brief', 'short words', '2 + 2?'],
  },
};

export interface Answered {
  readonly flow: string;
  readonly input: Readonly<Record<string, JsonValue>>;
  /** Of the checkpoint that the flow stops at; none: its time is up. */
  readonly resolution?: Readonly<Record<string, JsonValue>>;
  readonly output: JsonValue;
}

/** What follows the answer to a checkpoint. */
export const ANSWERED: Readonly<Record<string, readonly Answered[]>> = {
  '2.6-blocks/checkpoint': [
    { flow: 'f', input: { draft: 'hi' }, resolution: { decision: 'send' }, output: 'sent hi' },
    { flow: 'f', input: { draft: 'hi' }, output: 'dropped' },
  ],
  '2.6-blocks/checkpoint-arms': [
    { flow: 'f', input: {}, resolution: { decision: 'left' }, output: 'L' },
    { flow: 'f', input: {}, resolution: { decision: 'right' }, output: 'R' },
  ],
  '2.6-blocks/checkpoint-plain': [{ flow: 'f', input: { n: 1 }, resolution: { decision: 'go' }, output: 2 }],
  '2.6-blocks/checkpoint-queue': [
    { flow: 'f', input: { draft: 'hi' }, resolution: { note: 'fine' }, output: 'fine' },
  ],
};
