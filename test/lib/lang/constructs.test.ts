// Each construct of the language by its two programs (constructs.ts): the example runs and passes its own tests, the
// wrong one is told what its first line says, and no construct is without them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { FakeClock, SeededRng } from '../../../lib/index.ts';
import {
  BLOCK_KINDS,
  compile,
  type CompileResult,
  CoreEngine,
  FIELD_RULES,
  FUNCTIONS,
  HOST_FUNCTIONS,
  hostEnvironment,
  type IRModule,
  IRSerializer,
  type IRTest,
  KEYWORDS,
  lex,
  METHODS,
  MockModelProvider,
  parseFile,
  renderDiagnostics,
  runTest,
  verifyModule,
} from '../../../lib/lang/index.ts';
import { ANSWERED, ASKED, DECLARED } from './construct-effects.ts';
import { type Construct, constructs, readConstructFile } from './constructs.ts';

const all = constructs();
const serializer = new IRSerializer();
const clock = (): FakeClock => new FakeClock({ defer: queueMicrotask });

const compiled = ({ example }: Construct): CompileResult =>
  compile(example, { read: readConstructFile, debug: true });

function moduleOf(construct: Construct): IRModule {
  const { module } = compiled(construct);
  assert.ok(module, construct.id);
  return module;
}

function constructOf(id: string): Construct {
  const construct = all.find((each) => each.id === id);
  assert.ok(construct, `there is no construct ${id}`);
  return construct;
}

/** @returns titles of the tests that fail, with why */
async function failuresOf(module: IRModule, tests: readonly IRTest[]): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const test of tests) {
    const outcome = await runTest(module, test, { clock: clock(), seed: 7, cases: 25 });
    failures.push(...outcome.failures.map(({ check, detail }) => `${test.title}: ${check}: ${detail ?? ''}`));
  }
  return failures;
}

describe('ScaiCore constructs: examples', () => {
  for (const construct of all)
    it(`${construct.id}: compiles, its bundle reads back, its own tests pass`, async () => {
      const { module, tests, diagnostics } = compiled(construct);
      assert.equal(renderDiagnostics(diagnostics), '');
      assert.ok(module);
      const read = serializer.deserialize(serializer.serialize(module));
      assert.deepEqual(read, module);
      assert.deepEqual(verifyModule(read), []);
      assert.ok(tests.length > 0, 'it has tests of its own');
      assert.deepEqual(await failuresOf(read, tests), []);
    });
});

describe('ScaiCore constructs: wrong programs', () => {
  for (const { id, wrong } of all)
    it(`${id}.wrong: told what its first line says, and nothing else`, () => {
      assert.ok(wrong, 'there is no wrong program');
      const { diagnostics } = compile(wrong.source, { read: readConstructFile });
      const found = diagnostics.map(({ code, source, span }) => ({
        code,
        line: source.positionAt(span.start).line,
      }));
      assert.deepEqual(found, wrong.findings, renderDiagnostics(diagnostics));
    });
});

describe('ScaiCore constructs: beyond tests', () => {
  for (const [id, wanted] of Object.entries(DECLARED))
    it(`${id}: is in the module`, () => {
      const module: Readonly<Record<string, unknown>> = { ...moduleOf(constructOf(id)) };
      for (const [part, value] of Object.entries(wanted)) assert.deepEqual(module[part], value);
    });

  for (const [id, { flow, input, finds }] of Object.entries(ASKED))
    it(`${id}: reaches the model`, async () => {
      const models = new MockModelProvider();
      const environment = hostEnvironment({ modelProviders: models, clock: clock(), rng: new SeededRng(1) });
      await CoreEngine.load(moduleOf(constructOf(id)), environment).invoke({ flow, input });
      const text = JSON.stringify(models.requests[0]?.messages);
      for (const word of finds) assert.ok(text.includes(word), `${word} in ${text}`);
    });

  for (const [id, runs] of Object.entries(ANSWERED))
    it(`${id}: goes on as it was answered`, async () => {
      for (const { flow, input, resolution, output } of runs) {
        const environment = hostEnvironment({ clock: clock(), rng: new SeededRng(1) });
        const engine = CoreEngine.load(moduleOf(constructOf(id)), environment);
        const { checkpoint } = await engine.invoke({ flow, input });
        const checkpointId = checkpoint?.checkpointId ?? '';
        const result = resolution
          ? await engine.resume({ checkpointId, resolution })
          : await engine.expire(checkpointId);
        assert.deepEqual(result.output, output, JSON.stringify(result.error));
      }
    });
});

// ---- Completeness ----

interface Node {
  readonly kind: string;
  readonly [key: string]: unknown;
}

function* nodesBelow(value: unknown): Generator<Node> {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) yield* nodesBelow(item);
    return;
  }
  const node = value as Node;
  if (typeof node.kind === 'string') yield node;
  for (const [key, inner] of Object.entries(node)) if (key !== 'source') yield* nodesBelow(inner);
}

/** What was read, and what stands in the texts of `parts`. */
const files = all.flatMap((construct) => [construct.example, ...compiled(construct).files]);
const nodes = files.flatMap((file) => {
  const { file: tree } = parseFile(file, () => undefined);
  return [...nodesBelow(tree)].map((node) => ({ node, file }));
});

/** `readonly NAME: 'a' | 'b'` in the declarations of the tree: all that it can be. */
function declaredWords(name: string): readonly string[] {
  const text = readFileSync(new URL('../../../lib/lang/syntax/ast.ts', import.meta.url), 'utf8');
  const literals = String.raw`('[^']+'(?:\s*\|\s*'[^']+')*)`;
  const found = text.matchAll(
    new RegExp(String.raw`(?:readonly ${name}:|type ${name} =)\s*${literals}`, 'g'),
  );
  return [...found].flatMap(([, words = '']) => words.match(/(?<=')[^'\s]+(?=')/g) ?? []);
}

function assertShown(what: string, wanted: readonly string[], shown: ReadonlySet<unknown>): void {
  assert.ok(wanted.length > 0, what);
  const missing = wanted.filter((word) => !shown.has(word));
  assert.deepEqual(missing, [], `${what} without an example in test/lib/lang/constructs`);
}

/** Of trees that could not be read. */
const ERROR_KINDS: ReadonlySet<string> = new Set(['type_error', 'expr_error']);

describe('ScaiCore constructs: completeness', () => {
  it('every kind of node in the tree, every operator, every kind of trigger', () => {
    const kinds = declaredWords('kind').filter((kind) => !ERROR_KINDS.has(kind));
    assert.ok(kinds.length > 80, 'kinds are found in ast.ts');
    assertShown('kinds of nodes', kinds, new Set(nodes.map(({ node }) => node.kind)));
    const ops = [...declaredWords('op'), ...declaredWords('BinaryOp')];
    assert.ok(ops.includes('??') && ops.includes('|~>') && ops.includes('!'));
    assertShown('operators', ops, new Set(nodes.map(({ node }) => node['op'])));
    assertShown('triggers', declaredWords('trigger'), new Set(nodes.map(({ node }) => node['trigger'])));
  });

  it('every word of the language', () => {
    const words = new Set<string>();
    for (const file of files) {
      const { starts, ends, count } = lex(file, () => undefined);
      for (let index = 0; index < count; index += 1) words.add(file.text.slice(starts[index], ends[index]));
    }
    assertShown(
      'words',
      KEYWORDS.at.map((word) => `@${word}`),
      words,
    );
    assertShown('words', KEYWORDS.plain, words);
  });

  it('every field of every block and declaration', () => {
    for (const [of, { required, optional }] of Object.entries(FIELD_RULES)) {
      const isOfThese = (node: Node): boolean =>
        node['trigger'] === of ||
        node.kind === (of === 'model' ? 'models' : of) ||
        (node.kind === 'field' && (node['name'] as { readonly text: string }).text === of);
      const texts = nodes
        .filter(({ node }) => isOfThese(node))
        .map(({ node, file }) => {
          const { start, end } = node['span'] as { start: number; end: number };
          return file.text.slice(start, end);
        });
      const words = new Set(texts.flatMap((text) => text.match(/\w+/g) ?? []));
      assertShown(`fields of ${of}`, [...required, ...optional], words);
    }
  });

  it('every method and function of the library', () => {
    const programs: Readonly<Record<string, string>> = {
      string: 'strings',
      array: 'arrays',
      map: 'maps',
      int: 'numbers',
      float: 'numbers',
      money: 'numbers',
      bool: 'numbers',
      date: 'times',
      datetime: 'times',
      duration: 'times',
    };
    const textOf = (name: string): string => constructOf(`2.11-library/${name}`).example.text;
    for (const [type, methods] of Object.entries(METHODS)) {
      const words = new Set(textOf(programs[type] ?? type).match(/(?<=\.)\w+/g));
      assertShown(`methods of ${type}`, Object.keys(methods), words);
    }
    const calls = `${textOf('functions')}${textOf('host-functions')}`.match(/[\w.]+(?=\()/g);
    assertShown('functions', [...Object.keys(FUNCTIONS), ...Object.keys(HOST_FUNCTIONS)], new Set(calls));
  });
});

// ---- Examples that would notice ----

/** Kinds of the IR by the construct whose example is to notice that they are gone. */
const REMOVED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(BLOCK_KINDS.map((kind) => [`2.6-blocks/${kind.replaceAll('_', '-')}`, kind])),
  '2.8-statements/assignment': 'assign',
  '2.8-statements/field-assignment': 'assign',
  '2.8-statements/expression': 'memory_op',
  '2.8-statements/if': 'if',
  '2.8-statements/match': 'match',
  '2.8-statements/return': 'return',
  '2.8-statements/yield': 'yield',
  '2.8-statements/break-continue': 'continue',
  '2.8-statements/emit': 'emit',
  '2.9-memory/whole-fields': 'memory_op',
  '2.9-memory/maps': 'memory_op',
  '2.9-memory/lists': 'memory_op',
  '2.9-memory/search': 'memory_op',
};

describe('ScaiCore constructs: examples that would notice', () => {
  for (const construct of all)
    it(`${construct.id}: without what its flows do, its tests fail`, async () => {
      const { tests } = compiled(construct);
      const whole = moduleOf(construct);
      const empty = (flows: IRModule['flows']): IRModule['flows'] =>
        flows.map((flow) => ({ ...flow, body: [] }));
      const without = { ...whole, flows: empty(whole.flows), functions: empty(whole.functions) };
      assert.notDeepEqual(await failuresOf(without, tests), []);
    });

  for (const [id, kind] of Object.entries(REMOVED))
    it(`${id}: without each ${kind}, its tests fail`, async () => {
      const { tests } = compiled(constructOf(id));
      const whole = moduleOf(constructOf(id));
      const without: IRModule = { ...whole, flows: withoutKind(whole.flows, kind) as IRModule['flows'] };
      assert.notDeepEqual(without, whole);
      assert.notDeepEqual(await failuresOf(without, tests), []);
    });

  it('2.6-blocks/debug: left out without --debug', () => {
    const { example } = constructOf('2.6-blocks/debug');
    const kept = JSON.stringify(compile(example, { debug: true }).module);
    const { module } = compile(example);
    assert.ok(module && kept.includes('"debug"'));
    assert.ok(!JSON.stringify(module).includes('"debug"'));
  });
});

function withoutKind(value: unknown, kind: string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value))
    return value.filter((item) => !isOfKind(item, kind)).map((item) => withoutKind(item, kind));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutKind(inner, kind)]));
}

function isOfKind(value: unknown, kind: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { kind: own, block, implicit } = value as Readonly<Record<string, unknown>>;
  return (own === kind && implicit !== true) || (own === 'block' && isOfKind(block, kind));
}
