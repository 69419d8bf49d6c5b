// The shape of blocks and statements, and where jumps may stand.
import { HOST_SIGNATURES } from '../types/signature.ts';
import { FAILURE_CLASSES } from './failures.ts';
import type { JsonValue } from './ir.ts';
import type { BLOCK_KINDS } from './ir.ts';
import {
  amount,
  and,
  bool,
  byKind,
  count,
  type Fields,
  type JsonRecord,
  later,
  like,
  list,
  nullable,
  object,
  oneOf,
  record,
  text,
  whole,
} from './shape-kit.ts';
import {
  binding,
  expr,
  flowName,
  identifier,
  key,
  known,
  type ModuleCheck,
  pattern,
  requireArity,
  requireCount,
  type,
} from './shape-expr.ts';
import type { ModulePlace, Surrounding } from './shape-names.ts';

export const location = object<ModulePlace>({ line: whole, column: whole }, { file: text, node_id: text });
export const coreUri: ModuleCheck = like(/^core:\/\/\S+$/, 'the address of a core');
export const constraintLists: Fields<ModulePlace> = {
  never: list(text),
  always: list(text),
  prefer: list(text),
};

const bindings = record<ModulePlace>(key, expr);
const block: ModuleCheck = later(() => blockCheck);
const stmt: ModuleCheck = later(() => stmtCheck);
export const blocks: ModuleCheck = list(block);
const statements = list(stmt);

const withEffect =
  (check: ModuleCheck): ModuleCheck =>
  (value, place) => {
    place.impure();
    check(value, place);
  };
const inside =
  (surrounding: Surrounding, check: ModuleCheck): ModuleCheck =>
  (value, place) => {
    place.within(surrounding, () => {
      check(value, place);
    });
  };
const under =
  (names: readonly string[], check: ModuleCheck): ModuleCheck =>
  (value, place) => {
    place.scoped(names, () => {
      check(value, place);
    });
  };

// ---- Blocks ----

const BASE: Fields<ModulePlace> = { result_binding: nullable(binding), source_location: location };
const blockKind = (required: Fields<ModulePlace>, optional: Fields<ModulePlace> = {}): ModuleCheck =>
  object({ kind: text, ...required }, { ...BASE, ...optional });

const blockArm = object<ModulePlace>({ pattern, body: blocks }, { guard: expr, value: expr });
export const limits = object<ModulePlace>(
  {},
  {
    max_duration_ms: amount,
    max_retries: amount,
    max_tokens: amount,
    max_llm_calls: amount,
    max_cost: amount,
  },
);
const role = nullable(known('model', ({ models }) => models));

const action = byKind<ModulePlace>(
  {
    retry: object({ kind: text, max: whole }, { note: text }),
    escalate: object({ kind: text }),
    flag_and_checkpoint: object({ kind: text }),
  },
  'an action',
);
const modelBlock = blockKind(
  { goal: expr, output_type: type, llm_role: role, input_bindings: bindings, context_bindings: bindings },
  {
    input_is_value: bool,
    guidance: expr,
    identity_ref: expr,
    constraints: object({}, { ...constraintLists, inherit: bool }),
    examples: list(object<ModulePlace>({ input: expr, output: expr })),
    on_failure: list(object<ModulePlace>({ failure: oneOf(FAILURE_CLASSES), actions: list(action) })),
    budget: limits,
    guard: under(['input'], list(expr)),
    validate: under(['input', 'output', 'result'], list(expr)),
    on_validation_failure: blocks,
  },
);

const branch = object<ModulePlace>({ body: inside('parallel', blocks) }, { name: binding });

const foreachFields = (surrounding: Surrounding): ModuleCheck =>
  blockKind(
    { item: binding, iterable: expr, body: inside(surrounding, blocks) },
    { index: binding, max_concurrent: count },
  );
const foreachOneByOne = foreachFields('foreach');
const foreachAtOnce = foreachFields('concurrent');
const foreach: ModuleCheck = (value, place) => {
  const isConcurrent = (value as JsonRecord)['max_concurrent'] !== undefined;
  if (isConcurrent) place.impure();
  (isConcurrent ? foreachAtOnce : foreachOneByOne)(value, place);
};

const checkpoint = blockKind(
  { checkpoint_type: text },
  {
    prompt: expr,
    present: expr,
    options: expr,
    timeout: expr,
    on_timeout: expr,
    on_response: list(blockArm),
    hitl_target: expr,
    assignee: expr,
    priority: expr,
  },
);
const coreCall = blockKind(
  { target: coreUri, input_bindings: bindings, is_async: bool },
  { flow_name: text, instance_key: expr, version: text, timeout: expr },
);

const rigid = blockKind({ statements }, { implicit: bool });
const BLOCKS: Readonly<Record<(typeof BLOCK_KINDS)[number], ModuleCheck>> = {
  rigid,
  debug: rigid,
  flexible: withEffect(modelBlock),
  guarded: withEffect(modelBlock),
  model_call: withEffect(
    blockKind(
      { modality: text, llm_role: role, input_bindings: bindings, params: bindings, output_type: type },
      { input_is_value: bool },
    ),
  ),
  parallel: withEffect(blockKind({ branches: list(branch), fail_fast: bool }, { max_concurrent: count })),
  foreach,
  while: blockKind(
    { condition: expr, max_iterations: count, body: inside('while', blocks) },
    { prepare: statements, is_lenient: bool },
  ),
  match: blockKind({ subject: expr, arms: list(blockArm) }),
  try: blockKind({
    body: blocks,
    catches: list(object<ModulePlace>({ body: blocks }, { error_type: identifier, binding })),
  }),
  checkpoint: withEffect(checkpoint),
  core_call: withEffect(coreCall),
  await_responses: withEffect(
    blockKind({ handles: list(expr), mode: oneOf(['all', 'any']) }, { timeout: expr }),
  ),
  budget: withEffect(blockKind({ limits, body: blocks })),
};
const blockCheck = byKind<ModulePlace>(BLOCKS, 'a block');

// ---- Statements ----

const stmtKind = (required: Fields<ModulePlace>, optional: Fields<ModulePlace> = {}): ModuleCheck =>
  object({ kind: text, ...required }, { source_location: location, ...optional });
const result: Fields<ModulePlace> = { result_binding: binding };

const pathStep: ModuleCheck = (value, place) => {
  if (typeof value === 'string') key(value, place);
  else expr(value, place);
};
const target = object<ModulePlace>({ name: binding }, { path: list(pathStep) });
const MEMORY_OPS = 'read write write_path get set update delete add list search last'.split(' ');
/** How many arguments by position an operation takes at least, and at most. */
const MEMORY_ARGS: Readonly<Record<string, readonly [number, number]>> = {
  read: [0, 0],
  write: [1, 1],
  write_path: [2, 1_000],
  get: [1, 1],
  set: [2, 2],
  update: [2, 2],
  delete: [1, 1],
  add: [1, 1],
  list: [0, 3],
  search: [0, 3],
  last: [0, 1],
};
const memoryOp = and<ModulePlace>(
  stmtKind(
    { op: oneOf(MEMORY_OPS), field: known('field of @memory', ({ memory }) => memory), args: list(expr) },
    { named_args: bindings, ...result },
  ),
  (value, place) => {
    const { op, args } = value as JsonRecord;
    const [least, most] = MEMORY_ARGS[op as string] ?? [0, 0];
    const given = (args as readonly JsonValue[]).length;
    if (given < least || given > most)
      throw place.problem(`has ${given} arguments, where '${String(op)}' takes ${least} to ${most}`);
  },
);

const hostCall = and<ModulePlace>(stmtKind({ name: text, args: list(expr) }, result), (value, place) => {
  const { name, args } = value as JsonRecord;
  const signature = HOST_SIGNATURES.get(name as string);
  if (!signature) throw place.problem(`calls '${String(name).slice(0, 60)}': the host has no such function`);
  requireCount((args as readonly JsonValue[]).length, signature, place);
});
const flowCall = and<ModulePlace>(
  stmtKind({ flow: flowName, args: list(nullable(expr)) }, result),
  (value, place) => {
    place.calls(requireArity(value as JsonRecord, place));
  },
);

const stmtArm = object<ModulePlace>({ pattern, body: statements }, { guard: expr });

const needs =
  (isMet: (around: readonly Surrounding[]) => boolean, problem: string, check: ModuleCheck): ModuleCheck =>
  (value, place) => {
    if (!isMet(place.around)) throw place.problem(problem);
    check(value, place);
  };
const isBranch = (surrounding: Surrounding): boolean =>
  surrounding === 'parallel' || surrounding === 'concurrent';
const isLoop = (around: readonly Surrounding[]): boolean => {
  const last = around.at(-1);
  return last !== undefined && !isBranch(last);
};
/** An iteration may end early, also one of several at once. */
const isTurn = (around: readonly Surrounding[]): boolean => isLoop(around) || around.at(-1) === 'concurrent';

const stmtCheck = byKind<ModulePlace>(
  {
    assign: stmtKind({ target, value: expr }),
    expression: stmtKind({ expression: expr }, result),
    plugin_call: withEffect(
      stmtKind(
        {
          plugin: known('plugin', ({ plugins }) => plugins),
          method: identifier,
          args: list(expr),
        },
        { named_args: bindings, ...result },
      ),
    ),
    memory_op: withEffect(memoryOp),
    reference_search: withEffect(
      stmtKind(
        { field: known('field of @reference', ({ reference }) => reference), named_args: bindings },
        result,
      ),
    ),
    flow_call: flowCall,
    host_call: withEffect(hostCall),
    if: stmtKind({ condition: expr, then: statements }, { otherwise: statements }),
    match: stmtKind({ subject: expr, arms: list(stmtArm) }),
    return: needs(
      (around) => !around.some(isBranch),
      'is a return in a branch',
      stmtKind({}, { value: expr }),
    ),
    yield: needs(
      (around) => around.some((one) => one !== 'while'),
      'is a yield outside of foreach and parallel',
      stmtKind({ value: expr }),
    ),
    break: needs(isLoop, 'is a break outside of a loop', stmtKind({})),
    continue: needs(isTurn, 'is a continue outside of a loop', stmtKind({})),
    emit: withEffect(stmtKind({ event: key, fields: bindings })),
    block: stmtKind({ block }),
  },
  'a statement',
);
