// Runs `@test` blocks: each in a world of its own, in memory, with the answers that it scripts.
// Owns: what a test sees of its outcome, generated cases of properties. Does not own: printing (the command's).
import type { Clock } from '../../base/clock.ts';
import { type Rng, SeededRng } from '../../base/rng.ts';
import type { IRExpr, IRFlow, IRModule, JsonValue } from '../ir/ir.ts';
import type { IRCheck, IRProperty, IRTest } from '../ir/ir-test.ts';
import { CoreEngine } from './core-engine.ts';
import { ScaiCoreError } from './errors.ts';
import type { ExecutionResult, HostEnvironment, MemoryAddress, MemoryBackend } from './host-environment.ts';
import { hostEnvironment, InMemoryBackend, InMemoryEventSink, InMemoryReferenceStore } from './in-memory.ts';
import { MockModelProvider } from './mock-model.ts';
import { generateValue, smallerCases } from './test-values.ts';

export interface TestFailure {
  /** The condition as it is written, or what went wrong instead. */
  readonly check: string;
  /** What was found, where there is something to show. */
  readonly detail?: string;
}
export interface TestOutcome {
  readonly title: string;
  readonly line: number;
  readonly passed: boolean;
  readonly failures: readonly TestFailure[];
}
export interface RunTestOptions {
  readonly clock: Clock;
  /** Of generated cases. */
  readonly seed: number;
  /** Cases of each property. @default 100 */
  readonly cases?: number;
}

/** Never throws for what a program does. */
export async function runTest(module: IRModule, test: IRTest, options: RunTestOptions): Promise<TestOutcome> {
  const failures: TestFailure[] = [];
  try {
    const world = await openWorld(module, test, options);
    failures.push(...(await runCase(world, test)));
    for (const property of test.properties) failures.push(...(await runProperty(world, property, options)));
  } catch (thrown) {
    if (!(thrown instanceof ScaiCoreError)) throw thrown;
    failures.push({ check: `${thrown.errorType}: ${thrown.message}` });
  }
  const { title, source_location: place } = test;
  return { title, line: place.line, passed: failures.length === 0, failures };
}

// ---- World ----

interface World {
  readonly engine: CoreEngine;
  readonly events: InMemoryEventSink;
}

async function openWorld(module: IRModule, test: IRTest, options: RunTestOptions): Promise<World> {
  const setupFlow = flowOf(
    'test_setup',
    test.setup.map(({ value }) => value),
  );
  const own = [test.given, test.when?.input, test.then, ...test.properties.map(({ flow }) => flow)];
  const flows = [...module.flows, setupFlow, ...own.filter((flow) => flow !== undefined)];
  const whole: IRModule = { ...module, flows };
  const events = new InMemoryEventSink();
  const base: HostEnvironment = { ...mocked(test, options), events };
  const engine = CoreEngine.load(whole, base, { autoTelemetry: false });
  const values = test.setup.length > 0 ? await valueOf(engine, setupFlow.name, {}) : [];
  const given = new Map(
    test.setup.map(({ kind, name }, index) => [`${kind} ${name}`, listOf(values)[index] ?? null]),
  );
  const pick = (kind: string): Record<string, JsonValue> =>
    Object.fromEntries(
      [...given]
        .filter(([key]) => key.startsWith(`${kind} `))
        .map(([key, value]) => [key.slice(kind.length + 1), value]),
    );
  const reference = new InMemoryReferenceStore(pick('reference'));
  return { engine: engine.withEnvironment({ ...base, reference, config: pick('config') }), events };
}

function flowOf(name: string, items: readonly IRExpr[]): IRFlow {
  const value: IRExpr = { kind: 'list', items };
  return {
    name,
    role: 'flow',
    params: [],
    return_type: { kind: 'dynamic' },
    body: [{ kind: 'rigid', implicit: true, statements: [{ kind: 'return', value }] }],
  };
}

/** Answers of models, plugins and other Cores, as scripted. What is not scripted is an error that says so. */
function mocked(test: IRTest, { clock, seed }: RunTestOptions): HostEnvironment {
  const scripts = new Map(test.mocks.map(({ target, values }) => [target, values]));
  const used = new Map<string, number>();
  const next = (target: string): JsonValue => {
    const values = scripts.get(target);
    const count = used.get(target) ?? 0;
    used.set(target, count + 1);
    const value = values?.[Math.min(count, values.length - 1)];
    if (value !== undefined) return value;
    throw new ScaiCoreError(
      'PluginError',
      `nothing answers for ${target}: script it with @mock ${target} = …`,
    );
  };
  return hostEnvironment({
    memory: new OnePartition(),
    modelProviders: new MockModelProvider({ byRole: Object.fromEntries(scripts) }),
    plugins: { has: () => true, call: ({ alias, method }) => next(`${alias}.${method}`) },
    dispatcher: {
      call: ({ target }) => next(target),
      start: ({ target }) => target,
      wait: (handles) => handles.map(next),
    },
    clock,
    rng: new SeededRng(seed),
  });
}

/** What `@given` writes is what the flow reads, whichever instance it is for. */
class OnePartition implements MemoryBackend {
  readonly #memory = new InMemoryBackend();
  readonly #at = (at: MemoryAddress): MemoryAddress => ({ ...at, partition: '' });

  read: MemoryBackend['read'] = (at) => this.#memory.read(this.#at(at));
  write: MemoryBackend['write'] = (at, value) => this.#memory.write(this.#at(at), value);
  get: MemoryBackend['get'] = (at, key) => this.#memory.get(this.#at(at), key);
  set: MemoryBackend['set'] = (at, key, value) => this.#memory.set(this.#at(at), key, value);
  delete: MemoryBackend['delete'] = (at, key) => this.#memory.delete(this.#at(at), key);
  add: MemoryBackend['add'] = (at, value) => this.#memory.add(this.#at(at), value);
  last: MemoryBackend['last'] = (at, count) => this.#memory.last(this.#at(at), count);
  list: MemoryBackend['list'] = (at, options) => this.#memory.list(this.#at(at), options);
}

// ---- Cases ----

type Input = Readonly<Record<string, JsonValue>>;

const INSTANCE = { instanceKey: 'test' };

/** @throws ScaiCoreError when it does not complete */
async function valueOf(engine: CoreEngine, flow: string, input: Input): Promise<JsonValue> {
  const result = await engine.invoke({ flow, input, ...INSTANCE });
  if (result.status === 'COMPLETED') return result.output ?? null;
  throw new ScaiCoreError(
    'RuntimeError',
    result.error ? `${result.error.errorType}: ${result.error.message}` : 'it stopped at a checkpoint',
  );
}

async function runCase({ engine, events }: World, test: IRTest): Promise<readonly TestFailure[]> {
  const given = test.given ? objectOf(await valueOf(engine, test.given.name, {})) : {};
  const before = events.events.length;
  const { when } = test;
  const result =
    when && (await call(engine, when.flow, objectOf(await valueOf(engine, when.input.name, given))));
  if (!test.then) {
    if (result?.status !== 'FAILED') return [];
    return [{ check: `'${when?.flow ?? ''}' completes`, detail: failureText(result) }];
  }
  const emitted = events.events
    .slice(before)
    .filter(({ is_telemetry }) => !is_telemetry)
    .map(({ type, payload }) => ({ event: type, data: payload }));
  const outcome = { ...outcomeOf(result), emitted };
  const binding = when?.binding === undefined ? {} : { [when.binding]: result?.output ?? null };
  try {
    const checks = await valueOf(engine, test.then.name, { ...given, ...outcome, ...binding });
    return failedChecks(checks, test.checks, result);
  } catch (thrown) {
    // A condition that cannot be looked at, mostly because the flow gave nothing.
    if (!(thrown instanceof ScaiCoreError)) throw thrown;
    return [{ check: thrown.message, ...(result && { detail: resultText(result) }) }];
  }
}

function call(engine: CoreEngine, flow: string, input: Input): Promise<ExecutionResult> {
  return engine.invoke({ flow, input, trigger: { type: 'INTERNAL' } });
}

function outcomeOf(result: ExecutionResult | undefined): Readonly<Record<string, JsonValue>> {
  const { status = 'COMPLETED', error, checkpoint } = result ?? {};
  return {
    status,
    error: error ? { type: error.errorType, message: error.message } : null,
    checkpoint: checkpoint
      ? {
          checkpoint_id: checkpoint.checkpointId,
          type: checkpoint.type,
          prompt: checkpoint.prompt,
          payload: checkpoint.payload,
          options: checkpoint.options,
        }
      : null,
  };
}

function failedChecks(
  found: JsonValue,
  texts: readonly string[],
  result: ExecutionResult | undefined,
): readonly TestFailure[] {
  return listOf(found).flatMap((item, index) => {
    const { ok, left, right } = item as unknown as IRCheck;
    if (ok) return [];
    const check = texts[index] ?? '';
    const sides = (left ?? null) !== null || (right ?? null) !== null;
    const found = sides
      ? `${JSON.stringify(left)}, and on the other side ${JSON.stringify(right)}`
      : undefined;
    // A flow that did not complete is why its output is not what it should be.
    const why = result && (!sides || result.status !== 'COMPLETED') ? resultText(result) : undefined;
    const detail = [found, why].filter((text) => text !== undefined).join('; ') || undefined;
    return [{ check, ...(detail !== undefined && { detail }) }];
  });
}

function resultText(result: ExecutionResult): string {
  if (result.status === 'FAILED') return failureText(result);
  if (result.status === 'SUSPENDED')
    return `the flow stopped at a checkpoint: ${result.checkpoint?.prompt ?? ''}`;
  return `the flow gave ${JSON.stringify(result.output ?? null)}`;
}

function failureText({ error }: ExecutionResult): string {
  return `the flow failed: ${error?.errorType ?? ''}: ${error?.message ?? ''}`;
}

// ---- Properties ----

async function runProperty(
  { engine }: World,
  property: IRProperty,
  { seed, cases = 100 }: RunTestOptions,
): Promise<readonly TestFailure[]> {
  const rng: Rng = new SeededRng(seed);
  for (let count = 0; count < cases; count += 1) {
    const input = Object.fromEntries(
      property.params.map(({ name, type }) => [name, generateValue(type, engine.module.types, rng, count)]),
    );
    const failure = await caseFailure(engine, property, input);
    if (failure) return [await shrunk(engine, property, input, failure, seed)];
  }
  return [];
}

async function caseFailure(
  engine: CoreEngine,
  { flow, checks }: IRProperty,
  input: Input,
): Promise<TestFailure | undefined> {
  try {
    return failedChecks(await valueOf(engine, flow.name, input), checks, undefined)[0];
  } catch (thrown) {
    if (!(thrown instanceof ScaiCoreError)) throw thrown;
    return { check: checks[0] ?? '', detail: thrown.message };
  }
}

/** Cases that are tried on the way to the smallest one that fails. */
const SHRINK_TRIES_MAX = 2_000;

/** A smaller case that fails, too. */
async function shrunk(
  engine: CoreEngine,
  property: IRProperty,
  input: Input,
  failure: TestFailure,
  seed: number,
): Promise<TestFailure> {
  let smallest = input;
  let found = failure;
  let tries = 0;
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const candidate of smallerCases(smallest, property.params, engine.module.types)) {
      if ((tries += 1) > SHRINK_TRIES_MAX) break;
      const failed = await caseFailure(engine, property, candidate);
      if (!failed) continue;
      smallest = candidate;
      found = failed;
      isSmaller = true;
      break;
    }
  }
  const why = found.detail === undefined ? '' : `: ${found.detail}`;
  return { check: found.check, detail: `fails for ${JSON.stringify(smallest)} (seed ${seed})${why}` };
}

function objectOf(value: JsonValue): Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Input) : {};
}

function listOf(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}
