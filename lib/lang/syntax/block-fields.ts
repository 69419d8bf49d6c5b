// Which fields a block has, and which of them it cannot do without: data for E110 and E111.

export interface FieldRules {
  /** As it is called in messages. */
  readonly of: string;
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

const MODEL_FIELDS = [
  'input',
  'context',
  'llm',
  'guidance',
  'identity',
  'constraints',
  'examples',
  'on_failure',
  'budget',
];

export const LIMITS = ['max_duration', 'max_retries', 'max_tokens', 'max_llm_calls', 'max_cost'] as const;

export const FIELD_RULES = {
  flexible: { of: '@flexible', required: ['goal', 'output'], optional: MODEL_FIELDS },
  guarded: {
    of: '@guarded',
    required: ['goal', 'output'],
    optional: [...MODEL_FIELDS, 'guard', 'validate', 'on_validation_failure'],
  },
  model_call: {
    of: '@model_call',
    required: ['modality', 'input', 'output'],
    optional: ['llm', 'params', 'budget'],
  },
  parallel: { of: '@parallel', required: [], optional: ['max_concurrent', 'fail_fast'] },
  foreach: { of: '@foreach', required: [], optional: ['max_concurrent'] },
  // That `max_iterations` is missing is the verifier's to say (E401).
  while: { of: '@while', required: [], optional: ['max_iterations'] },
  checkpoint: {
    of: '@checkpoint',
    required: [],
    optional: [
      'present',
      'options',
      'timeout',
      'on_timeout',
      'on_response',
      'hitl_target',
      'assignee',
      'priority',
    ],
  },
  core_call: {
    of: '@core_call',
    required: [],
    optional: ['target', 'flow', 'input', 'instance_key', 'version', 'timeout', 'is_async'],
  },
  await_responses: { of: '@await_responses', required: ['from'], optional: ['mode', 'timeout'] },
  budget: { of: '@budget', required: [], optional: LIMITS },
  core: { of: '@core', required: [], optional: ['version', 'description', 'identity'] },
  instance: {
    of: 'instance',
    required: [],
    optional: ['key', 'entity_key', 'idle_timeout', 'max_concurrent', 'max_active_instances', 'overflow'],
  },
  model: {
    of: 'a model',
    required: ['model'],
    optional: ['provider', 'temperature', 'role', 'modalities', 'fallback', 'use_when'],
  },
  constraints: { of: '@constraints', required: [], optional: ['never', 'always', 'prefer'] },
  identity: {
    of: '@identity',
    required: [],
    optional: ['name', 'personality', 'persona', 'languages', 'avatar'],
  },
  api: { of: '@api', required: ['flow'], optional: ['auth'] },
  webhook: { of: '@webhook', required: ['flow'], optional: ['method', 'path', 'auth'] },
  schedule: { of: '@schedule', required: ['flow', 'cron'], optional: ['timezone'] },
  internal: { of: '@internal', required: ['flow'], optional: [] },
  subscription: { of: '@on', required: ['flow'], optional: [] },
} as const satisfies Record<string, FieldRules>;

/** What stands in parentheses behind the head of a loop, and is no call of the head. */
export const HEAD_OPTIONS: ReadonlySet<string> = new Set(['max_concurrent', 'fail_fast', 'max_iterations']);

export const FAILURES = [
  'low_confidence',
  'constraint_violation',
  'parse_error',
  'refusal',
  'hallucination',
] as const;
export const FAILURE_ACTIONS = ['retry', 'escalate', 'flag_and_checkpoint'] as const;
export const INSTANCE_MODES = ['stateless', 'entity', 'singleton'] as const;
