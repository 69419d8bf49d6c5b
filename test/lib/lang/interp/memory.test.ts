import assert from 'node:assert/strict';
import {
  type HostEnvironment,
  InMemoryBackend,
  InMemoryReferenceStore,
  type JsonValue,
  type MemoryAddress,
  MockModelProvider,
} from '../../../../lib/lang/index.ts';
import { load, outputOf, testEnv } from './ir-kit.ts';

const core = (more = '', instance = ''): string => `
  @core Test { version = "1.0.0"
    ${instance}
    @models { primary = { model = "m" }
      vectors = { model = "e", modalities = [:embedding] } }
    @memory { count: int
      entries: map[string, { n: int, s: string? }]
      notes: array[string] }
    @reference { facts: array[string]
      prices: map[string, int] }
    @config { @param limit: int = 3 }
    ${more}
  }`;

async function run(body: string, more: Partial<HostEnvironment> = {}): Promise<JsonValue> {
  const env = testEnv({ modelProviders: new MockModelProvider(), ...more });
  return await outputOf(load(`${core()}\n@flow main() { ${body} }`, env), 'main');
}

describe('Memory', () => {
  it('Fields: nothing was written, so they read as null, or empty', async () => {
    assert.deepEqual(await run('return [memory.count, memory.entries, memory.notes]'), [null, {}, []]);
  });

  it('Maps: set, get, update, delete, list by prefix, paths', async () => {
    const body = `
      memory.entries.set("b1", { n: 1, s: "x" })
      memory.entries.set("b2", { n: 2, s: null })
      memory.entries.set("a", { n: 3, s: null })
      memory.entries.update("b1", { n: 10 })
      memory.entries.delete("a")
      one = memory.entries.get("b1")
      none = memory.entries.get("zz")
      down = memory.entries.list(prefix = "b", limit = 1, order = "desc")
      return [one, none, down, memory.entries.length]`;
    assert.deepEqual(await run(body), [
      { n: 10, s: 'x' },
      null,
      [{ key: 'b2', value: { n: 2, s: null } }],
      2,
    ]);
    const paths = `
      memory.entries.set("k", { n: 1, s: null })
      memory.entries["k"] = { n: 5, s: null }
      return memory.entries`;
    assert.deepEqual(await run(paths), { k: { n: 5, s: null } });
  });

  it('Lists: add, last, whole writes', async () => {
    const body = `
      memory.notes.add("a")
      memory.notes.add("b")
      memory.notes.add("c")
      two = memory.notes.last(2)
      memory.notes = memory.notes.concat(["d"])
      return [two, memory.notes]`;
    assert.deepEqual(await run(body), [
      ['b', 'c'],
      ['a', 'b', 'c', 'd'],
    ]);
  });

  it('Search: the nearest first, by the model for embeddings, each text embedded once', async () => {
    const embedded: string[] = [];
    const embed = (text: string): readonly number[] => {
      embedded.push(text);
      return [text.includes('cat') ? 1 : 0, text.includes('dog') ? 1 : 0, 0.1];
    };
    const body = `
      memory.notes = ["a dog", "a cat", "cat and dog"]
      found = memory.notes.search(query = "cat", limit = 2)
      again = memory.notes.search(query = "cat", limit = 5, min_similarity = 0.9)
      memory.entries.set("k", { n: 1, s: "dog" })
      entries = memory.entries.search(query = "dog", limit = 1)
      facts = reference.facts.search(query = "dog", limit = 1)
      return [found, again, entries.map(e => e.key), facts]`;
    const more = {
      modelProviders: new MockModelProvider({ embed }),
      reference: new InMemoryReferenceStore({ facts: ['dogs bark', 'cats purr'] }),
    };
    assert.deepEqual(await run(body, more), [['a cat', 'cat and dog'], ['a cat'], ['k'], ['dogs bark']]);
    assert.equal(new Set(embedded).size, embedded.length);
  });

  it('References and settings: given ones, else empty and defaults', async () => {
    const body = 'return [reference.prices.get("a"), reference.facts.length, config.limit]';
    assert.deepEqual(await run(body), [null, 0, 3]);
    const reference = new InMemoryReferenceStore({ prices: { a: 7 }, facts: ['x'] });
    assert.deepEqual(await run(body, { reference, config: { limit: 9 } }), [7, 1, 9]);
  });

  it('Partitions: by key for entities, one for singletons, a new one each time for stateless Cores', async () => {
    const flow = `@flow main(id: string): int { memory.count = (memory.count ?? 0) + 1
      return memory.count ?? 0 }`;
    const counts = async (instance: string, more: Partial<HostEnvironment> = {}): Promise<JsonValue> => {
      const env = testEnv({ modelProviders: new MockModelProvider(), ...more });
      const engine = load(`${core('', instance)}\n${flow}`, env);
      const found: JsonValue[] = [];
      for (const id of ['a', 'b', 'a']) found.push(await outputOf(engine, { flow: 'main', input: { id } }));
      return found;
    };
    assert.deepEqual(await counts('instance = :entity(key = "id")'), [1, 1, 2]);
    assert.deepEqual(await counts('instance = :singleton'), [1, 2, 3]);
    assert.deepEqual(await counts('instance = :stateless'), [1, 1, 1]);
    assert.deepEqual(await counts('instance = :stateless', { statelessMemory: 'shared' }), [1, 2, 3]);
  });

  it('Backends: what they throw is a MemoryError with its cause; addresses tell the kind', async () => {
    const seen: MemoryAddress[] = [];
    const cause = new Error('lost');
    class Broken extends InMemoryBackend {
      override write(at: MemoryAddress): void {
        seen.push(at);
        throw cause;
      }
    }
    const engine = load(
      `${core('', 'instance = :singleton')}\n@flow main() { memory.notes = [] }`,
      testEnv({ memory: new Broken(), modelProviders: new MockModelProvider() }),
    );
    const result = await engine.invoke({ flow: 'main' });
    assert.deepEqual(
      [result.error?.errorType, result.error?.message, result.error?.cause],
      ['MemoryError', 'lost', cause],
    );
    assert.deepEqual(seen, [{ core: 'Test', partition: '', field: 'notes', kind: 'list' }]);
  });
});

describe('Invocations', () => {
  const source = `
    @core Test { version = "1.0.0"
      instance = :entity(key = "id") }
    @flow main(id: string, n: int, when: duration = 1m, tags: array[string] = ["x"]): array[string] {
      return tags.push("\${id} \${n} \${when}")
    }`;

  it('Input: defaults, and values as programs see them', async () => {
    const engine = load(source, testEnv());
    const input = { id: 'a', n: 1 };
    assert.deepEqual(await outputOf(engine, { flow: 'main', input }), ['x', 'a 1 60000']);
    const given = { ...input, when: '2m', tags: [] };
    assert.deepEqual(await outputOf(engine, { flow: 'main', input: given }), ['a 1 120000']);
  });

  it('Input: everything that is wrong is told', async () => {
    const engine = load(source, testEnv());
    const result = await engine.invoke({ flow: 'main', input: { id: 'a', n: 'x', tags: [1], other: 1 } });
    assert.equal(result.error?.errorType, 'InvalidInputError');
    const { issues } = result.error.details as { issues: readonly string[] };
    assert.deepEqual(
      issues.map((issue) => issue.split(':')[0]),
      ['n', 'tags.0', 'other'],
    );
    const missing = await engine.invoke({ flow: 'main', input: { n: 1 } });
    assert.match(missing.error?.message ?? '', /needs 'id', the key of the instance/);
    // Events bring what their sender wanted to say.
    const event = await engine.invoke({
      flow: 'main',
      input: { id: 'a', n: 1, more: 2 },
      trigger: { type: 'EVENT' },
    });
    assert.equal(event.status, 'COMPLETED');
  });

  it('Flows: an unknown one is a failed result', async () => {
    const result = await load(source, testEnv()).invoke({ flow: 'none', instanceKey: 'a' });
    assert.equal(result.error?.errorType, 'FlowNotFoundError');
  });

  it('Environments: another one for each turn, over one compiled program', async () => {
    const engine = load(
      '@core Test { version = "1.0.0"\n@config { @param n: int = 1 } }\n@flow main(): int { return config.n }',
      testEnv(),
    );
    const other = engine.withEnvironment(testEnv({ config: { n: 2 } }));
    assert.deepEqual([await outputOf(engine, 'main'), await outputOf(other, 'main')], [1, 2]);
  });
});
