// Values and types that somebody made to do harm, or that lie between two rules.
import assert from 'node:assert/strict';
import {
  checkValue,
  compile,
  IRSerializer,
  type IRModule,
  type IRType,
  jsonSchemaOf,
  type JsonValue,
  manifestOf,
  readValue,
} from '../../../../lib/lang/index.ts';
import { testHost } from '../../../../gateway/testing/index.ts';
import { type GrainError, type LooseRef, toJsonSchema } from '../../../../lib/index.ts';
import { programCores } from '../../../../silo/internal.ts';

const INT: IRType = { kind: 'primitive', name: 'int' };
const TEXT: IRType = { kind: 'primitive', name: 'string' };
const DYNAMIC: IRType = { kind: 'dynamic' };
const named = (name: string): IRType => ({ kind: 'named', name });
const primitive = (name: 'datetime' | 'duration' | 'money' | 'date' | 'uuid'): IRType => ({
  kind: 'primitive',
  name,
});
const union = (...members: readonly IRType[]): IRType => ({ kind: 'union', members });
const object = (fields: Readonly<Record<string, IRType>>): IRType => ({
  kind: 'object',
  fields: Object.entries(fields).map(([name, type]) => ({ name, type })),
});

type Types = Readonly<Record<string, IRType>>;
const problems = (value: unknown, type: IRType, types: Types = {}): readonly string[] =>
  checkValue(value as JsonValue, type, types).map(({ path, message }) => `${path.join('.')}: ${message}`);
const read = (value: unknown, type: IRType, types: Types = {}): unknown =>
  readValue(value as JsonValue, type, types).value;

function nested(levels: number): JsonValue {
  let deep: JsonValue = 1;
  for (let level = 0; level < levels; level += 1) deep = [deep];
  return deep;
}

describe('Values against types: hostile values', () => {
  it('fields that the type does not have, are data, too', () => {
    const type = object({ a: INT });
    assert.deepEqual(read({ a: 1, more: [{ b: 'c' }] }, type), { a: 1, more: [{ b: 'c' }] });
    assert.match(problems({ a: 1, more: nested(5_000) }, type).join(), /nested deeper/);
    const proto = JSON.parse('{"a":1,"more":{"__proto__":{"x":1}}}') as unknown;
    assert.deepEqual(problems(proto, type), [`more: '__proto__' cannot be a key`]);
    assert.deepEqual(problems(JSON.parse('{"a":1,"__proto__":{"x":1}}'), type), [
      `: '__proto__' cannot be a key`,
    ]);
    assert.equal(problems({ a: 1, more: { n: Number.NaN } }, type).length, 1);
  });

  it('what is no JSON data, is none of any type', () => {
    for (const value of [
      Number.NaN,
      Infinity,
      1n,
      new Date(0),
      new Map(),
      Uint8Array.of(1),
      () => 1,
      Symbol('s'),
    ]) {
      assert.equal(problems(value, DYNAMIC).length, 1, String(value));
      assert.equal(problems([{ value }], DYNAMIC).length, 1, String(value));
      assert.equal(problems(value, { kind: 'map', key: TEXT, value: INT }).length, 1, String(value));
    }
    assert.equal(problems(new Date(0), object({})).length, 1);
  });

  it('holes of a list, are null in the copy', () => {
    assert.deepEqual(read([1, undefined, 2], { kind: 'array', item: { kind: 'optional', inner: INT } }), [
      1,
      null,
      2,
    ]);
  });

  it('keys of maps, are of their type, and whole text', () => {
    const map: IRType = { kind: 'map', key: { kind: 'enum', symbols: ['a', 'b'] }, value: INT };
    assert.deepEqual(problems({ a: 1, b: 2 }, map), []);
    assert.deepEqual(problems({ a: 1, c: 2 }, map), ['c: expected one of a, b, found "c"']);
    const lone = JSON.parse(String.raw`{"\ud800":1}`) as unknown;
    assert.equal(problems(lone, { kind: 'map', key: TEXT, value: INT }).length, 1);
    assert.equal(problems(lone, DYNAMIC).length, 1);
    assert.deepEqual(jsonSchemaOf(map, {}), {
      type: 'object',
      propertyNames: { type: 'string', enum: ['a', 'b'] },
      additionalProperties: { type: 'integer' },
    });
  });

  it('long keys, are told in part', () => {
    const [issue] = checkValue({ ['k'.repeat(100_000)]: 'x' }, { kind: 'map', key: TEXT, value: INT }, {});
    assert.ok(issue && issue.path.join('').length < 100);
  });
});

describe('Values against types: forms of primitives', () => {
  it('datetimes, that an offset leads out of the years with four digits, are none', () => {
    const datetime = primitive('datetime');
    assert.equal(problems('0000-01-01T00:00:00+02:00', datetime).length, 1);
    assert.equal(problems('9999-12-31T23:00:00-02:00', datetime).length, 1);
    assert.equal(read('0001-01-01T00:00:00Z', datetime), '0001-01-01T00:00:00.000Z');
    assert.equal(read('2026-01-31T10:00:00.123456789z', datetime), '2026-01-31T10:00:00.123Z');
    for (const text of [
      '2026-01-31T24:00:00Z',
      '2026-01-31T10:00:60Z',
      '2026-01-31T10:00:00',
      '2026-13-01T10:00:00Z',
    ])
      assert.equal(problems(text, datetime).length, 1, text);
  });

  it('dates, are days of the calendar', () => {
    for (const [text, count] of [
      ['2024-02-29', 0],
      ['2026-02-29', 1],
      ['1900-02-29', 1],
      ['2026-00-10', 1],
      ['2026-1-1', 1],
      ['2026-01-01\n', 1],
    ] as const)
      assert.equal(problems(text, primitive('date')).length, count, text);
  });

  it('durations, are no longer than numbers are exact', () => {
    const duration = primitive('duration');
    assert.equal(read('1h30m', duration), 5_400_000);
    assert.equal(read(-5, duration), -5);
    for (const value of ['999999999999w', 1e300, '1', 'm', '1m ', '-1m', '1.m', `${'1'.repeat(400)}s`])
      assert.equal(problems(value, duration).length, 1, String(value));
  });

  it('money, has six digits, as programs hold it', () => {
    assert.equal(read(0.1 + 0.2, primitive('money')), 0.3);
    assert.equal(read(1e300, primitive('money')), 1e300);
    assert.deepEqual(read({ a: 1.000_000_04 }, object({ a: primitive('money') })), { a: 1 });
  });
});

describe('Values against types: unions', () => {
  it('the member that has all the fields, wins over an earlier one that leaves some over', () => {
    const type = union(object({ a: INT }), object({ a: INT, at: primitive('datetime') }));
    assert.deepEqual(read({ a: 1, at: '2026-01-31T12:00:00+02:00' }, type), {
      a: 1,
      at: '2026-01-31T10:00:00.000Z',
    });
    assert.deepEqual(read({ a: 1, other: 2 }, type), { a: 1, other: 2 });
    assert.deepEqual(read([{ a: 1, at: '2026-01-31T10:00:00Z' }], { kind: 'array', item: type }), [
      { a: 1, at: '2026-01-31T10:00:00.000Z' },
    ]);
  });

  it('members that hold the union again, take linear time', function () {
    this.timeout(2_000);
    const either = union(named('A'), named('B'), { kind: 'null' });
    const types = { A: object({ next: either, n: INT }), B: object({ next: either, s: TEXT }) };
    const chain = (end: object): JsonValue => {
      let value: JsonValue = null;
      for (let level = 0; level < 50; level += 1)
        value = { next: value, ...(level === 0 ? end : { s: 'x' }) };
      return value;
    };
    assert.deepEqual(problems(chain({ s: 'x' }), either, types), []);
    assert.notDeepEqual(problems(chain({}), either, types), []);
  });

  it('unions of unions, each name twice, are looked at once', function () {
    this.timeout(2_000);
    const types: Record<string, IRType> = { T0: INT };
    for (let level = 1; level <= 60; level += 1)
      types[`T${level}`] = union(named(`T${level - 1}`), named(`T${level - 1}`), {
        kind: 'literal',
        value: `${level}`,
      });
    assert.deepEqual(problems(1, named('T60'), types), []);
    assert.equal(problems('x', named('T60'), types).length, 1);
    assert.equal(problems({}, object({ t: named('T60') }), types).length, 1);
  });

  it('a long chain of names, is what its end is', () => {
    const types: Record<string, IRType> = { T0: INT };
    for (let level = 1; level <= 5_000; level += 1) types[`T${level}`] = named(`T${level - 1}`);
    assert.deepEqual(problems(1, named('T5000'), types), []);
    assert.equal(problems('x', named('T5000'), types).length, 1);
    assert.deepEqual(problems({}, object({ t: named('T5000') }), types), [`: the field 't' is missing`]);
    const round = { A: named('B'), B: named('A') };
    assert.equal(problems(1, named('A'), round).length, 1);
  });
});

describe('JSON Schema: hostile types', () => {
  it('types that hold each other twice, do not double the schema with each', function () {
    this.timeout(2_000);
    const types: Record<string, IRType> = { T0: object({ x: INT }) };
    for (let level = 1; level <= 40; level += 1)
      types[`T${level}`] = object({ a: named(`T${level - 1}`), b: named(`T${level - 1}`) });
    assert.ok(JSON.stringify(jsonSchemaOf(named('T40'), types)).length < 200_000);
  });

  it('a long chain of types, is no deep recursion', () => {
    const types: Record<string, IRType> = { T0: object({ x: INT }) };
    for (let level = 1; level <= 20_000; level += 1)
      types[`T${level}`] = object({ a: named(`T${level - 1}`) });
    const { $defs } = jsonSchemaOf(named('T20000'), types);
    assert.ok(Object.keys($defs as object).length > 10_000);
  });

  it('names of any characters, are referred to as URIs do', () => {
    const name = 'a/b~c%d e';
    const types = { [name]: object({ next: { kind: 'optional', inner: named(name) } }) };
    assert.equal(jsonSchemaOf(named(name), types)['$ref'], '#/$defs/a~1b~0c%25d%20e');
  });

  it('texts that are there twice, are listed once', () => {
    const yes: IRType = { kind: 'literal', value: 'yes' };
    assert.deepEqual(jsonSchemaOf(union(yes, yes), {}), { type: 'string', enum: ['yes'] });
  });
});

describe('What may be left out', () => {
  const { module, diagnostics } = compile(`
@core T { version = "1.0.0" }
type Maybe = int?
type Tree = { value: int, children: array[Tree], note: Maybe }
@flow f(tree: Tree, maybe: Maybe, other: int | null, plain: int?, count: int = 1, must: int): Tree {
    return tree
}
`);
  const program = (): IRModule => module ?? assert.fail(diagnostics.map(({ message }) => message).join());
  const schemaOf = (which: 'input' | 'output'): unknown => {
    const flow = programCores(program())[0]?.definition.flows.get('f');
    return toJsonSchema(flow?.[which]);
  };

  it('is the same for values, JSON Schemas and manifests', () => {
    const missing = problems({ value: 1, children: [] }, named('Tree'), program().types);
    assert.deepEqual(missing, []);
    const { required, $defs } = schemaOf('input') as {
      required: unknown;
      $defs: Readonly<Record<string, { required: unknown }>>;
    };
    assert.deepEqual(required, ['tree', 'must']);
    assert.deepEqual($defs['Tree']?.required, ['value', 'children']);
    const optional = manifestOf(program()).flows[0]?.params.map(({ name, is_optional }) => [
      name,
      is_optional,
    ]);
    assert.deepEqual(Object.fromEntries(optional ?? []), {
      tree: false,
      maybe: true,
      other: true,
      plain: true,
      count: true,
      must: false,
    });
  });

  it('definitions, are at the root of the schema that refers to them', () => {
    for (const which of ['input', 'output'] as const) {
      const json = schemaOf(which) as { $defs: object };
      assert.deepEqual(Object.keys(json.$defs), ['Tree'], which);
      assert.equal(JSON.stringify(json).match(/"\$defs":/g)?.length, 1, which);
    }
  });
});

describe('Settings of programs', () => {
  const source = `
@core T {
    version = "1.0.0"
    @config {
        @param wait: duration = 5m
        @param code: int = 1 @secret
    }
    @triggers {
        @webhook hook {
            flow = wait
            path = "/hook"
            auth = { secret = "hush" }
        }
    }
}
@flow wait(): duration { return config.wait }
`;
  const { module, diagnostics } = compile(source);
  const program = (): IRModule => module ?? assert.fail(diagnostics.map(({ message }) => message).join());

  it('of the host, are read as inputs are', async () => {
    const cores = programCores(program(), { config: { wait: '1h' } });
    const [core = assert.fail()] = cores;
    const host = await testHost({ cores });
    assert.equal(await (host.ref(core) as unknown as LooseRef)['wait']?.(), 3_600_000);
    await host.stop();
  });

  it('of another type, are told when the program is loaded, without what is secret', () => {
    assert.throws(
      () => programCores(program(), { config: { wait: 'soon', code: 'hush' } }),
      (thrown: GrainError) => {
        assert.equal(thrown.code, 'ERR_CORE_INVALID');
        assert.match(thrown.message, /the setting 'wait' is not right: expected milliseconds.*found "soon"/);
        assert.match(thrown.message, /the setting 'code' is not right: it is of another type/);
        assert.doesNotMatch(thrown.message, /hush/);
        return true;
      },
    );
  });

  it('whose defaults are of another type, and flows named as those of the runtime, are refused in bundles', () => {
    const [wait, code] = program().config;
    const wrong = { ...program(), config: [wait, { ...code, default: 'x' }] } as IRModule;
    const codec = new IRSerializer();
    assert.throws(
      () => codec.deserialize(codec.serialize(wrong)),
      /'code', whose default is of another type/,
    );
    const flows = program().flows.map((flow) => ({ ...flow, name: 'checkpoint.expire' }));
    assert.throws(() => programCores({ ...program(), triggers: [], flows }), /checkpoint\.expire/);
  });

  it('that guard webhooks, are not in the manifest', () => {
    assert.doesNotMatch(JSON.stringify(manifestOf(program())), /hush/);
  });
});
