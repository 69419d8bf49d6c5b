// Values that share their parts: a few lines make one that is 2^40 parts when written out.
import assert from 'node:assert/strict';
import { InMemoryEventSink, type JsonValue } from '../../../../lib/lang/index.ts';
import { load, testEnv } from './ir-kit.ts';

const TOO_LARGE = /more than 1000000 parts, or more than 200 levels/;

/** A flow with `big`, whose parts are shared, `other` that equals it, and `deep` lists in lists. */
function program(end: string): string {
  return `
    @core Test { version = "1.0.0"
      @plugins { p = a/b@1.0.0 }
      @memory { note: array[string] } }
    @flow main(): string {
      big = null
      other = null
      deep = null
      @while true (max_iterations = 300) {
        if deep == null { deep = [] }
        deep = [deep]
        if n < 40 { big = { a: big, b: big }
          other = { a: other, b: other } }
        n = n + 1
        if n == 300 { break }
      }
      ${end}
      return "done"
    }`.replace('big = null', 'big = null\n      n = 0');
}

async function messageOf(end: string, events?: InMemoryEventSink): Promise<string> {
  const plugins = { has: () => true, call: (): Promise<JsonValue> => Promise.resolve(1) };
  const env = testEnv({ plugins, ...(events && { events }) });
  const result = await load(program(end), env).invoke({ flow: 'main', input: {} });
  return result.error?.message ?? result.status;
}

describe('Values that are too large to leave a program', () => {
  const exits: Readonly<Record<string, string>> = {
    'as text': 's = "${big}"',
    'as JSON': 's = json.stringify(big)',
    'to a plugin': 'p.q(big)',
    'to a plugin by name': 'p.q(x = big)',
    'to an event': 'emit grew { x: big }',
    'to a checkpoint, as payload': 'c = @checkpoint approval { present = big, options = ["yes"] }',
    'to a checkpoint, as a variable': 'c = @checkpoint approval { present = 1, options = ["yes"] }',
    'compared with their like': 'if big == other { n = 0 }',
    'among their like': 'if big in [other] { n = 0 }',
    'made unique': 'u = [big].unique()',
    'nested too deeply': 's = "${deep}"',
  };
  for (const [exit, end] of Object.entries(exits))
    it(`${exit}: an error that says so`, async () => {
      assert.match(await messageOf(end, new InMemoryEventSink()), TOO_LARGE);
    });

  it('as the result: an error that says so', async () => {
    const source = `@flow main() {
      v0 = 1
      ${Array.from({ length: 40 }, (_none, at) => `v${at + 1} = { a: v${at}, b: v${at} }`).join('\n')}
      return v40
    }`;
    const result = await load(source, testEnv()).invoke({ flow: 'main', input: {} });
    assert.match(result.error?.message ?? '', TOO_LARGE);
  });

  it('inside of the program: they are used as others are', async () => {
    assert.equal(await messageOf('if big.a == big.b { n = 0 }'), 'COMPLETED');
  });

  it('as values of blocks: telemetry leaves them out', async () => {
    const events = new InMemoryEventSink();
    assert.equal(await messageOf('x = @rigid { big }', events), 'COMPLETED');
    const shown = events.events.filter(({ payload }) => payload['result_binding'] === 'x');
    assert.deepEqual(
      shown.map(({ payload }) => payload['result_binding_truncated']),
      [true],
    );
  });

  it('a catch gets the error as any other', async () => {
    const end = '@try { p.q(big) } @catch RuntimeError e { return e.message }';
    assert.equal(await messageOf(end), 'COMPLETED');
  });
});
