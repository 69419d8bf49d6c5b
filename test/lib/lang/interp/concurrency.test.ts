import assert from 'node:assert/strict';
import { type JsonValue, type PluginCall, ScaiCoreError } from '../../../../lib/lang/index.ts';
import { load, outputOf, testEnv } from './ir-kit.ts';

const core = `@core Test { version = "1.0.0"
  @plugins { p = a/b@1.0.0 } }`;

/** A plugin that answers when told to, and knows how many of its calls were under way at once. */
class Gate {
  readonly calls: PluginCall[] = [];
  readonly #waiting: (() => void)[] = [];
  most = 0;

  has(): boolean {
    return true;
  }

  async call(call: PluginCall): Promise<JsonValue> {
    this.calls.push(call);
    const [value = null] = call.args;
    if (call.method === 'fail') throw new Error(`failed ${String(value)}`);
    if (call.method === 'hang') return await new Promise<JsonValue>(() => undefined);
    const opened = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.most = Math.max(this.most, this.#waiting.length);
    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => this.#open())));
    await opened;
    return value;
  }

  #open(): void {
    this.#waiting.pop()?.();
  }
}

async function run(body: string, plugins = new Gate()): Promise<{ output: JsonValue; plugins: Gate }> {
  const output = await outputOf(load(`${core}\n@flow main() { ${body} }`, testEnv({ plugins })), 'main');
  return { output, plugins };
}

describe('Parallel', () => {
  it('Branches: run at once over copies of the scope; their names are set after, in one object too', async () => {
    const body = `
      n = 1
      r = @parallel {
        a = p.get(10)
        b = @rigid { m = n + 1
          m * 2 }
        c = @foreach x in [1, 2] { yield p.get(x) }
      }
      return [r, a, b, c, m]`;
    const { output, plugins } = await run(body);
    assert.deepEqual(output, [{ a: 10, b: 4, c: [1, 2] }, 10, 4, [1, 2], 2]);
    assert.ok(plugins.most >= 2);
  });

  it('Branches: no more at once than max_concurrent', async () => {
    const branches = ['a', 'b', 'c', 'd'].map((name) => `${name} = p.get("${name}")`).join('\n');
    const { output, plugins } = await run(`r = @parallel (max_concurrent = 2) { ${branches} }\nreturn r`);
    assert.deepEqual(output, { a: 'a', b: 'b', c: 'c', d: 'd' });
    assert.equal(plugins.most, 2);
  });

  it('Fail fast: the first error stops what hangs, and can be caught', async () => {
    const body = `
      @try { r = @parallel { a = p.hang(1)
        b = p.fail(2) } } @catch PluginError e { return e.message }
      return "no"`;
    const { output, plugins } = await run(body);
    assert.equal(output, 'failed 2');
    const hanging = plugins.calls.find(({ method }) => method === 'hang');
    assert.equal(hanging?.signal?.aborted, true);
  });

  it('Without fail fast: the others come to their end first', async () => {
    const body = `
      @try { r = @parallel (fail_fast = false) { a = p.fail(1)
        b = p.get(2) } } @catch PluginError e { return e.message }
      return "no"`;
    const { output, plugins } = await run(body);
    assert.equal(output, 'failed 1');
    assert.deepEqual(plugins.calls.map(({ method }) => method).sort(), ['fail', 'get']);
  });

  it('Concurrent loops: yields in the order of the items, however fast each was', async () => {
    const body = `
      xs = @foreach x, i in [5, 6, 7, 8] (max_concurrent = 3) {
        y = p.get(x)
        if y != 7 { yield y * 10 + i }
      }
      return xs`;
    const { output, plugins } = await run(body);
    assert.deepEqual(output, [50, 61, 83]);
    assert.equal(plugins.most, 3);
  });

  it('Ids of calls: do not depend on who was faster, and none is used twice', async () => {
    const body = `a = p.get(0)
      xs = @foreach x in [1, 2, 3] (max_concurrent = 3) { y = p.get(x)
        z = p.get(x)
        yield y }
      b = p.get(9)
      return xs`;
    const { plugins } = await run(body);
    const ids = plugins.calls.map(({ callId }) => callId.replace(/^[^/]*/, '')).sort();
    assert.deepEqual(ids, ['/0', '/1/0', '/1/1', '/2/0', '/2/1', '/3/0', '/3/1', '/4']);
  });

  it('Signal: ends branches that wait', async () => {
    const controller = new AbortController();
    const engine = load(
      `${core}\n@flow main() { r = @parallel { a = p.hang(1) }\nreturn r }`,
      testEnv({ plugins: new Gate() }),
    );
    const running = engine.invoke({ flow: 'main', signal: controller.signal });
    controller.abort();
    assert.equal((await running).error?.errorType, 'CancelledError');
  });
});

describe('Other Cores', () => {
  it('Calls: synchronous ones wait, asynchronous ones give handles for later', async () => {
    const calls: string[] = [];
    const dispatcher = {
      call: (call: {
        target: string;
        flow: string | undefined;
        input: unknown;
        callId: string;
        timeoutMs: number | undefined;
        instanceKey: string | undefined;
      }) => {
        calls.push(
          JSON.stringify([call.target, call.flow, call.input, call.callId, call.timeoutMs, call.instanceKey]),
        );
        return Promise.resolve<JsonValue>({ stock: 3 });
      },
      start: (call: { callId: string }) => `h-${call.callId}`,
      wait: (handles: readonly string[], options: { mode: string; timeoutMs: number | undefined }) => {
        calls.push(JSON.stringify([handles, options.mode, options.timeoutMs]));
        return options.mode === 'all' ? ['x', 'y'] : [null, 'y'];
      },
    };
    const source = `@flow main(): { stock: int, all: array[string], one: string } {
      r = @core_call core://shop/stock { flow = "count"
        input = { sku: "a" }
        instance_key = "k"
        timeout = 30s }
      h = @core_call core://shop/stock { flow = "count"
        is_async = true }
      all = @await_responses { from = [h, h]
        mode = :all
        timeout = 5s }
      one = @await_responses { from = [h, h]
        mode = :any }
      return { stock: r.stock, all: all, one: one }
    }`;
    const request = { flow: 'main', executionId: 'e' };
    const output = await outputOf(load(source, testEnv({ dispatcher })), request);
    assert.deepEqual(output, { stock: 3, all: ['x', 'y'], one: 'y' });
    assert.deepEqual(calls, [
      '["core://shop/stock","count",{"sku":"a"},"e/0",30000,"k"]',
      '[["h-e/1","h-e/1"],"all",5000]',
      '[["h-e/1","h-e/1"],"any",null]',
    ]);
  });

  it('Errors: of the dispatcher, or without one, are CoreCallErrors', async () => {
    const source = `@flow main(): string {
      @try { r = @core_call core://a/b { flow = "f" } } @catch CoreCallError e { return e.message }
      return "no" }`;
    assert.equal(await outputOf(load(source, testEnv()), 'main'), 'there are no other Cores here');
    const dispatcher = {
      call: () => {
        throw new ScaiCoreError('CoreCallError', 'gone');
      },
      start: () => 'h',
      wait: () => [],
    };
    assert.equal(await outputOf(load(source, testEnv({ dispatcher })), 'main'), 'gone');
  });

  it('Plugins: arguments, settings, and answers that are no data', async () => {
    const seen: PluginCall[] = [];
    const plugins = {
      has: () => true,
      call: (call: PluginCall) => {
        seen.push(call);
        return call.method === 'bad' ? ({ f: () => 1 } as unknown as JsonValue) : null;
      },
    };
    const source = `@core Test { version = "1.0.0"
        @plugins { p = a/b@1.0.0 { url = "u" } } }
      @flow main() { x = p.get(1, deep = true)
        y = p.bad()
        return y }`;
    const result = await load(source, testEnv({ plugins })).invoke({ flow: 'main' });
    assert.equal(result.error?.errorType, 'PluginError');
    assert.match(result.error.message, /answer of p\.bad has a value that is no data: function/);
    const [first] = seen;
    assert.deepEqual([first?.args, first?.namedArgs, first?.settings], [[1], { deep: true }, { url: 'u' }]);
  });
});
