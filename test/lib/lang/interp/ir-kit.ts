// Small builders of IR and of environments, so that tests of the engine say what they are about.
import {
  type CheckpointRecord,
  compile,
  CoreEngine,
  type ExecutionResult,
  type HostEnvironment,
  hostEnvironment,
  type InvocationRequest,
  type IRBlock,
  type IRExpr,
  type IRFlow,
  type IRModule,
  type IROperands,
  type IRParam,
  type IRStmt,
  type IRType,
  type JsonValue,
  SourceText,
} from '../../../../lib/lang/index.ts';
import { FakeClock, SeededRng } from '../../../../lib/index.ts';

export const INT: IRType = { kind: 'primitive', name: 'int' };
export const STRING: IRType = { kind: 'primitive', name: 'string' };
export const DYNAMIC: IRType = { kind: 'dynamic' };

// ---- Expressions ----

type Op = (IRExpr & { readonly kind: 'binary' })['op'];

export const lit = (value: JsonValue): IRExpr => ({ kind: 'literal', value });
export const ref = (name: string): IRExpr => ({ kind: 'ref', name });
const expr = (value: IRExpr | string | number): IRExpr =>
  typeof value === 'string' ? ref(value) : typeof value === 'number' ? lit(value) : value;

/** Names and numbers may be given as such. */
export function op(
  left: IRExpr | string | number,
  operator: Op,
  right: IRExpr | string | number,
  operands: IROperands = 'int',
): IRExpr {
  return { kind: 'binary', op: operator, operands, left: expr(left), right: expr(right) };
}
export const call = (name: string, ...args: IRExpr[]): IRExpr => ({ kind: 'call', function: name, args });
export const method = (
  receiver: IRExpr | string,
  on: string,
  name: string,
  ...args: (IRExpr & { kind: 'method' })['args'] & {}
): IRExpr => ({ kind: 'method', on, name, receiver: expr(receiver), args });
export const field = (object: IRExpr | string, name: string): IRExpr => ({
  kind: 'field',
  object: expr(object),
  name,
});
export const object = (fields: Readonly<Record<string, IRExpr | string | number>>): IRExpr => ({
  kind: 'object',
  fields: Object.entries(fields).map(([name, value]) => ({ name, value: expr(value) })),
});

// ---- Statements ----

export const assign = (name: string, value: IRExpr | string | number): IRStmt => ({
  kind: 'assign',
  target: { name },
  value: expr(value),
});
export const giveBack = (value: IRExpr | string | number): IRStmt => ({ kind: 'return', value: expr(value) });
export const yields = (value: IRExpr | string | number): IRStmt => ({ kind: 'yield', value: expr(value) });
export const when = (condition: IRExpr, then: readonly IRStmt[], otherwise?: readonly IRStmt[]): IRStmt => ({
  kind: 'if',
  condition,
  then,
  ...(otherwise && { otherwise }),
});
export const flowCall = (flow: string, args: readonly (IRExpr | null)[], binding?: string): IRStmt => ({
  kind: 'flow_call',
  flow,
  args,
  ...(binding !== undefined && { result_binding: binding }),
});
export const plugin = (name: string, args: readonly IRExpr[], binding?: string): IRStmt => {
  const [alias = '', methodName = ''] = name.split('.');
  return {
    kind: 'plugin_call',
    plugin: alias,
    method: methodName,
    args,
    ...(binding !== undefined && { result_binding: binding }),
  };
};
export const inner = (block: IRBlock): IRStmt => ({ kind: 'block', block });

// ---- Blocks ----

export const rigid = (...statements: IRStmt[]): IRBlock => ({ kind: 'rigid', statements });
export const checkpoint = (
  binding: string,
  more: Partial<IRBlock & { kind: 'checkpoint' }> = {},
): IRBlock => ({ kind: 'checkpoint', checkpoint_type: 'approval', result_binding: binding, ...more });
export const loop = (condition: IRExpr, body: readonly IRBlock[], max = 1_000_000_000): IRBlock => ({
  kind: 'while',
  condition,
  max_iterations: max,
  body,
});
export const foreach = (
  item: string,
  iterable: IRExpr,
  body: readonly IRBlock[],
  more: Partial<IRBlock & { kind: 'foreach' }> = {},
): IRBlock => ({ kind: 'foreach', item, iterable, body, ...more });
export const attempt = (
  body: readonly IRBlock[],
  catches: (IRBlock & { kind: 'try' })['catches'],
): IRBlock => ({ kind: 'try', body, catches });

// ---- Modules ----

export function flow(name: string, params: readonly (string | IRParam)[], body: readonly IRBlock[]): IRFlow {
  return {
    name,
    role: 'flow',
    params: params.map((param) => (typeof param === 'string' ? { name: param, type: DYNAMIC } : param)),
    return_type: DYNAMIC,
    body,
  };
}

export function moduleOf(flows: readonly IRFlow[], more: Partial<IRModule> = {}): IRModule {
  return {
    schema_version: '0.1.0',
    name: 'Test',
    version: '1.0.0',
    instance: { mode: 'stateless' },
    types: {},
    config: [],
    memory: {},
    reference: {},
    models: {},
    plugins: [],
    triggers: [],
    subscriptions: [],
    flows,
    functions: [],
    internal_flows: [],
    ...more,
  };
}

// ---- Environments ----

export function testClock(): FakeClock {
  return new FakeClock({ defer: (run) => queueMicrotask(run) });
}

export function testEnv(more: Partial<HostEnvironment> = {}): HostEnvironment {
  return hostEnvironment({ clock: testClock(), rng: new SeededRng(1), ...more });
}

// ---- Programs in source ----

/** Loads a program; without a `@core` it gets one. */
export function load(
  source: string,
  env: HostEnvironment,
  options?: { readonly autoTelemetry?: boolean },
): CoreEngine {
  return CoreEngine.load(moduleFrom(source), env, options);
}

export function moduleFrom(source: string): IRModule {
  const text = source.includes('@core ') ? source : `@core Test { version = "1.0.0" }\n${source}`;
  const { module, diagnostics } = compile(new SourceText('test.scaicore', text));
  const problems = diagnostics.filter(({ code }) => code.startsWith('E'));
  if (module && problems.length === 0) return module;
  throw new Error(problems.map(({ code, message }) => `${code} ${message}`).join('\n'));
}

/** What a flow gives; a failure is thrown as `type: message`. */
export async function outputOf(engine: CoreEngine, request: InvocationRequest | string): Promise<JsonValue> {
  const result = await engine.invoke(typeof request === 'string' ? { flow: request } : request);
  if (result.status === 'COMPLETED') return result.output ?? null;
  throw new Error(result.error ? `${result.error.errorType}: ${result.error.message}` : result.status);
}

/** What the body of a flow `main` gives. */
export async function run(body: string, env: HostEnvironment = testEnv()): Promise<JsonValue> {
  return await outputOf(load(`@flow main() { ${body} }`, env), 'main');
}

/** Resolves checkpoint after checkpoint, each in a newly loaded engine and with state that went through JSON. */
export async function resolveAll(
  module: IRModule,
  env: HostEnvironment,
  request: InvocationRequest,
  resolution: (record: CheckpointRecord, count: number) => Readonly<Record<string, JsonValue>>,
): Promise<{ readonly result: ExecutionResult; readonly records: readonly CheckpointRecord[] }> {
  let result = await CoreEngine.load(module, env).invoke(request);
  const records: CheckpointRecord[] = [];
  while (result.checkpoint && records.length < 40) {
    const { record, checkpointId } = result.checkpoint;
    records.push(record);
    const copy = JSON.parse(JSON.stringify(module)) as IRModule;
    const next = { checkpointId, resolution: resolution(record, records.length - 1) };
    result = await CoreEngine.load(copy, env).resume(next);
  }
  return { result, records };
}
