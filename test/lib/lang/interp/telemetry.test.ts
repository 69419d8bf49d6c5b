import assert from 'node:assert/strict';
import { InMemoryEventSink, type JsonValue, MockModelProvider } from '../../../../lib/lang/index.ts';
import { load, testEnv } from './ir-kit.ts';

async function eventsOf(
  source: string,
  input: Readonly<Record<string, JsonValue>> = {},
): Promise<readonly string[]> {
  const events = new InMemoryEventSink();
  const plugins = { has: () => true, call: () => Promise.reject(new Error('down')) };
  await load(source, testEnv({ events, plugins, modelProviders: new MockModelProvider() })).invoke({
    flow: 'main',
    input,
    executionId: 'e',
  });
  return events.events.map(({ type, payload, is_telemetry: isTelemetry, execution_id: id }) => {
    assert.equal(payload['execution_id'], 'e');
    assert.deepEqual([isTelemetry, id], [true, 'e']);
    const { execution_id: _id, node_id: _node, ...rest } = payload;
    return `${type.replace('scaicore.runtime.', '')} ${JSON.stringify(rest)}`;
  });
}

describe('Telemetry', () => {
  it('Events: of the invocation and of each block, nested ones too', async () => {
    const source = `@flow main(n: int): int {
      xs = @foreach x in [n] { yield x + 1 }
      return n
    }`;
    assert.deepEqual(await eventsOf(source, { n: 1 }), [
      'invocation.started {"input":{"n":1}}',
      'block.entered {"block_kind":"foreach"}',
      'block.entered {"block_kind":"rigid"}',
      'block.exited {"block_kind":"rigid","result_binding":null,"result_binding_value":null}',
      'block.exited {"block_kind":"foreach","result_binding":"xs","result_binding_value":[2]}',
      'block.entered {"block_kind":"rigid"}',
      'block.exited {"block_kind":"rigid","result_binding":null,"result_binding_value":null}',
      'invocation.completed {"output":1,"duration_ms":0}',
    ]);
  });

  it('Bound blocks: their values, also of those whose body gives the value', async () => {
    const bound = async (block: string): Promise<readonly string[]> => {
      const events = await eventsOf(`@flow main(n: int) { x = ${block}\nreturn x }`, { n: 1 });
      return events.filter((event) => event.includes('"result_binding":"x"'));
    };
    const exited = (kind: string, value: number): string =>
      `block.exited {"block_kind":"${kind}","result_binding":"x","result_binding_value":${value}}`;
    assert.deepEqual(await bound('@rigid { n + 1 }'), [exited('rigid', 2)]);
    assert.deepEqual(await bound('@budget { max_duration = 1m\nn + 1 }'), [
      exited('rigid', 2),
      exited('budget', 2),
    ]);
    const tried = (await bound('@try { fail("no")\n1 } @catch { n + 2 }')).at(-1);
    assert.equal(tried, exited('try', 3));
  });

  it('Failures: every block around says so, up to the catch; at once and after waiting alike', async () => {
    const source = (what: string): string => `
      @core Test { version = "1.0.0"
        @plugins { p = a/b@1.0.0 } }
      @flow main() {
        @try { @foreach x in [1] { ${what} } } @catch e { y = 1 }
        ${what}
      }`;
    for (const [what, type, message] of [
      ['fail("no")', 'FailError', 'no'],
      ['z = p.q()', 'PluginError', 'down'],
    ] as const) {
      const failed = (kind: string): string =>
        `block.failed {"error_type":"${type}","message":"${message}","block_kind":"${kind}"}`;
      const events = (await eventsOf(source(what))).filter((event) => !event.includes('entered'));
      assert.deepEqual(events.slice(1), [
        failed('rigid'),
        failed('foreach'),
        'block.exited {"block_kind":"rigid","result_binding":null,"result_binding_value":null}',
        'block.exited {"block_kind":"try","result_binding":null,"result_binding_value":null}',
        failed('rigid'),
        `invocation.failed {"error_type":"${type}","message":"${message}"}`,
      ]);
    }
  });

  it('Jumps: blocks that a return or break leaves are left', async () => {
    const source = `@core Test { version = "1.0.0"
        @memory { n: int } }
      @flow main() { @foreach x in [1, 2] { memory.n = x
        if x == 2 { return x } } }`;
    const events = await eventsOf(source);
    const count = (name: string): number => events.filter((event) => event.startsWith(name)).length;
    assert.equal(count('block.entered'), 3);
    assert.equal(count('block.exited'), 3);
  });

  it('Values: longer than 4 KB they are left out', async () => {
    const events = await eventsOf('@flow main() { x = @foreach i in [1] { yield "a".repeat(5000) } }');
    assert.ok(
      events.includes(
        'block.exited {"block_kind":"foreach","result_binding":"x","result_binding_truncated":true}',
      ),
    );
  });

  it('Secrets: of the settings, nowhere in events and logs', async () => {
    const source = `
      @core Test { version = "1.0.0"
        @config { @param token: string = "s3cret" @secret } }
      @flow main(): string {
        x = @foreach i in [1] { yield "Bearer \${config.token}" }
        log({ a: [config.token] })
        return config.token
      }`;
    const events = new InMemoryEventSink();
    const logged: JsonValue[] = [];
    const log = (level: string, message: JsonValue): void => void logged.push([level, message]);
    const result = await load(source, testEnv({ events, log })).invoke({ flow: 'main' });
    assert.equal(result.output, 's3cret');
    assert.doesNotMatch(JSON.stringify(events.events), /s3cret/);
    assert.match(JSON.stringify(events.events), /Bearer \*\*\*/);
    assert.deepEqual(logged, [['info', { a: ['***'] }]]);
  });
});
