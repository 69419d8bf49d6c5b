// Statements that ask the host: plugins, memory, events, time and chance. Each becomes a closure that gives its value, at
// once where the host answers at once.
import { isPromise, type MaybePromise } from '../../base/maybe-promise.ts';
import type { IRBindings, IRExpr, IRMemoryOp, IRStmt, JsonValue } from '../ir/ir.ts';
import type { Budget } from './budget.ts';
import { compileEx } from './compile-expr.ts';
import { ScaiCoreError } from './errors.ts';
import { askHost, type Execution, executionOf } from './execution.ts';
import type { FlowContext } from './flow-context.ts';
import type { MemoryAddress } from './host-environment.ts';
import { searchMemory, searchReference } from './semantic-search.ts';
import { foreignProblem } from './stdlib/convert.ts';
import { HOST_CALLS } from './stdlib/host-calls.ts';
import { count, num, optionalText, optionalWhole, text } from './stdlib/std.ts';
import { eventOf } from './telemetry.ts';
import {
  type Ex,
  fieldOf,
  isList,
  isObject,
  type JsonObject,
  type MutableObject,
  putField,
  type Slots,
  withPath,
} from './values.ts';
import { sized } from './value-size.ts';

export type Effect = (slots: Slots, budget: Budget | undefined) => MaybePromise<JsonValue>;
type StmtOf<Kind extends IRStmt['kind']> = IRStmt & { readonly kind: Kind };

/** Of statements that may wait, other than calls of flows. */
export function effectOf(
  statement: StmtOf<'plugin_call'> | StmtOf<'memory_op'> | StmtOf<'reference_search'>,
  context: FlowContext,
): Effect {
  switch (statement.kind) {
    case 'plugin_call':
      return pluginEffect(statement, context);
    case 'memory_op':
      return memoryEffect(statement, context);
    case 'reference_search': {
      const { field } = statement;
      const options = bindingsEx(statement.named_args, context);
      return (s) => searchReference(executionOf(s), field, searchOptionsOf(executionOf(s), options(s)));
    }
  }
}

export function bindingsEx(
  bindings: IRBindings | undefined,
  context: FlowContext,
): (slots: Slots) => JsonObject {
  const parts = Object.entries(bindings ?? {}).map(([name, expr]) => ({
    name,
    run: compileEx(expr, context),
  }));
  return (s) => {
    const object: MutableObject = {};
    for (const { name, run } of parts) putField(object, name, run(s));
    return object;
  };
}

// ---- At once ----

export function hostCallEffect(statement: StmtOf<'host_call'>, context: FlowContext): Ex {
  const call = Object.hasOwn(HOST_CALLS, statement.name) ? HOST_CALLS[statement.name] : undefined;
  if (!call) throw new ScaiCoreError('LoadError', `the host has no function '${statement.name}'`);
  const [a, b] = statement.args.map((arg) => compileEx(arg, context));
  return (s) => call(executionOf(s), a?.(s), b?.(s));
}

export function emitEffect(statement: StmtOf<'emit'>, context: FlowContext): (slots: Slots) => void {
  const payload = bindingsEx(statement.fields, context);
  return (s) => {
    const { env, scope } = executionOf(s);
    const source = { coreId: scope.core, executionId: scope.executionId, instanceKey: scope.instanceKey };
    env.events?.publish(eventOf(source, statement.event, sized(payload(s)), false, env.clock));
  };
}

// ---- Plugins ----

function pluginEffect(statement: StmtOf<'plugin_call'>, context: FlowContext): Effect {
  const { plugin: alias, method } = statement;
  const declared = context.program.module.plugins.find((plugin) => plugin.alias === alias);
  const settings = declared?.settings ?? {};
  const args = statement.args.map((arg) => compileEx(arg, context));
  const named = bindingsEx(statement.named_args, context);
  return (s) => {
    const execution = executionOf(s);
    const { env, scope } = execution;
    const { plugins } = env;
    if (!plugins) throw new ScaiCoreError('PluginError', `there is no plugin '${alias}' here`, { alias });
    const call = {
      scope,
      alias,
      method,
      args: sized(args.map((arg) => arg(s))),
      namedArgs: sized(named(s)),
      settings,
      callId: execution.nextCallId(),
      signal: scope.signal,
    };
    const answer = askHost('PluginError', { alias, method }, () => plugins.call(call));
    return checkedAnswer(answer, 'PluginError', `${alias}.${method}`);
  };
}

/** What comes from outside is data, or an error. */
export function checkedAnswer(
  answer: MaybePromise<JsonValue | undefined>,
  errorType: 'PluginError' | 'CoreCallError' | 'MemoryError' | 'ModelProviderError',
  who: string,
): MaybePromise<JsonValue> {
  if (isPromise(answer)) return answer.then((value) => dataOf(value, errorType, who));
  return dataOf(answer, errorType, who);
}

function dataOf(
  value: JsonValue | undefined,
  errorType: 'PluginError' | 'CoreCallError' | 'MemoryError' | 'ModelProviderError',
  who: string,
): JsonValue {
  if (value === undefined) return null;
  const problem = foreignProblem(value);
  if (problem !== undefined) throw new ScaiCoreError(errorType, `the answer of ${who} ${problem}`);
  return value;
}

// ---- Memory ----

interface Field {
  readonly name: string;
  readonly kind: MemoryAddress['kind'];
}

function memoryEffect(statement: StmtOf<'memory_op'>, context: FlowContext): Effect {
  const kind = context.program.memoryKind(statement.field);
  const field = { name: statement.field, kind };
  const args = statement.args.map((arg) => compileEx(arg, context));
  const named = bindingsEx(statement.named_args, context);
  const run = MEMORY_OPS[statement.op];
  const details = { field: field.name, op: statement.op };
  return (s) => {
    const execution = executionOf(s);
    const values = sized(args.map((arg) => arg(s)));
    const options = named(s);
    return askHost('MemoryError', details, () => run(execution, field, values, options));
  };
}

type MemoryRun = (
  execution: Execution,
  field: Field,
  args: readonly JsonValue[],
  named: JsonObject,
) => MaybePromise<JsonValue>;

function then<T>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<JsonValue>,
): MaybePromise<JsonValue> {
  return isPromise(value) ? value.then(next) : next(value);
}

const toNull = (): null => null;

function at(execution: Execution, field: Field): MemoryAddress {
  return execution.address(field.name, field.kind);
}

const MEMORY_OPS: Readonly<Record<IRMemoryOp, MemoryRun>> = {
  read: (x, field) => readField(x, field),
  write: (x, field, [value = null]) => then(x.env.memory.write(at(x, field), value), toNull),
  write_path: writePath,
  get: (x, field, [key = null]) => then(x.env.memory.get(at(x, field), text(key)), (value) => value ?? null),
  set: (x, field, [key = null, value = null]) =>
    then(x.env.memory.set(at(x, field), keyOf(key), value), toNull),
  update: updateEntry,
  delete: (x, field, [key = null]) => then(x.env.memory.delete(at(x, field), text(key)), toNull),
  add: (x, field, [value = null]) => then(x.env.memory.add(at(x, field), value), toNull),
  list: (x, field, args, named) => listEntries(x, field, args, named),
  last: (x, field, [wanted = 1]) =>
    then(x.env.memory.last(at(x, field), count(wanted)), (items) => items as JsonValue),
  search: (x, field, args, named) =>
    searchMemory(x, at(x, field), searchOptionsOf(x, withPositional(named, SEARCH_NAMES, args))),
};

const SEARCH_NAMES = ['query', 'limit', 'min_similarity'];
const LIST_NAMES = ['prefix', 'limit', 'order'];

function keyOf(key: JsonValue): string {
  if (key === '__proto__') throw new ScaiCoreError('TypeError', `'__proto__' cannot be a key`);
  return text(key);
}

/** Arguments without a name stand for the names in their order. */
function withPositional(named: JsonObject, names: readonly string[], args: readonly JsonValue[]): JsonObject {
  if (args.length === 0) return named;
  const all: MutableObject = { ...named };
  for (const [index, name] of names.entries()) {
    const value = args[index];
    if (value !== undefined && value !== null) all[name] = value;
  }
  return all;
}

function readField(execution: Execution, field: Field): MaybePromise<JsonValue> {
  const value = execution.env.memory.read(at(execution, field));
  return then(value, (found) => found ?? execution.program.emptyOf('memory', field.name));
}

/** `memory.f.a.b = v`. Of a map only the entry is read and written, since the rest may be large. */
function writePath(execution: Execution, field: Field, args: readonly JsonValue[]): MaybePromise<JsonValue> {
  const { memory } = execution.env;
  const address = at(execution, field);
  const value = args.at(-1) ?? null;
  const path = args.slice(0, -1);
  const [key, ...rest] = path;
  if (field.kind !== 'map' || typeof key !== 'string')
    return then(readField(execution, field), (old) =>
      then(memory.write(address, withPath(old, path, value)), toNull),
    );
  if (rest.length === 0) return then(memory.set(address, keyOf(key), value), toNull);
  return then(memory.get(address, key), (old) =>
    then(memory.set(address, keyOf(key), withPath(old ?? null, rest, value)), toNull),
  );
}

/** Fields of an object are put over those that are there; anything else takes the place of what was there. */
function updateEntry(
  execution: Execution,
  field: Field,
  [key = null, value = null]: readonly JsonValue[],
): MaybePromise<JsonValue> {
  const { memory } = execution.env;
  const address = at(execution, field);
  return then(memory.get(address, text(key)), (old) => {
    const merged = isObject(old) && isObject(value) ? { ...old, ...value } : value;
    return then(memory.set(address, keyOf(key), merged), toNull);
  });
}

function listEntries(
  execution: Execution,
  field: Field,
  args: readonly JsonValue[],
  named: JsonObject,
): MaybePromise<JsonValue> {
  const given = withPositional(named, LIST_NAMES, args);
  const limit = fieldOf(given, 'limit');
  const order = optionalText(fieldOf(given, 'order'), 'asc');
  if (order !== 'asc' && order !== 'desc')
    throw new ScaiCoreError('TypeError', `order is 'asc' or 'desc', not ${JSON.stringify(order)}`);
  const options = {
    prefix: optionalText(fieldOf(given, 'prefix'), ''),
    order,
    ...(limit !== null && { limit: count(limit) }),
  } as const;
  return then(execution.env.memory.list(at(execution, field), options), (entries) =>
    entries.map(({ key, value }) => ({ key, value })),
  );
}

function searchOptionsOf(
  execution: Execution,
  given: JsonObject,
): {
  readonly query: string;
  readonly limit: number;
  readonly minSimilarity: number;
  readonly role: string | undefined;
} {
  const minSimilarity = fieldOf(given, 'min_similarity');
  return {
    query: text(fieldOf(given, 'query')),
    limit: Math.max(0, optionalWhole(fieldOf(given, 'limit'), 5)),
    minSimilarity: minSimilarity === null ? 0 : num(minSimilarity),
    role: execution.program.embeddingRole,
  };
}

export function exprList(
  exprs: readonly IRExpr[],
  context: FlowContext,
): (slots: Slots) => readonly JsonValue[] {
  const runs = exprs.map((expr) => compileEx(expr, context));
  return (s) => runs.map((run) => run(s));
}

export function flatValues(values: readonly JsonValue[]): readonly JsonValue[] {
  return values.flatMap((value) => (isList(value) ? value : [value]));
}
