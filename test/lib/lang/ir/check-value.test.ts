// Values against types: what fits, what is said of what does not, and that a value and its JSON Schema agree.
import assert from 'node:assert/strict';
import {
  checkValue,
  compile,
  type IRType,
  jsonSchemaOf,
  durationMs,
  type JsonValue,
  readValue,
} from '../../../../lib/lang/index.ts';

const { module } = compile(`
@core T { version = "1.0.0" }
type Status = enum[draft, paid]
type Line = { text: string, amount: money, tags: array[string]? }
type Order = { id: uuid, status: Status, lines: array[Line], extra: map[string, int], note: string? }
type Tree = { value: int, children: array[Tree] }
@flow f(order: Order, tree: Tree, size: "s" | "m", at: datetime, wait: duration, either: int | string): int { return 1 }
`);
const types = module?.types ?? {};
const paramType = (name: string): IRType =>
  module?.flows[0]?.params.find((param) => param.name === name)?.type ?? { kind: 'null' };

const ORDER = {
  id: '0b9f8ba4-6a0f-4d1e-9c7e-0d3f4b1b2a10',
  status: 'paid',
  lines: [{ text: 'tea', amount: 1.5 }],
  extra: { a: 1 },
};

function issues(value: unknown, name: string, unknownFields: 'keep' | 'refuse' = 'keep'): readonly string[] {
  const found = checkValue(value as JsonValue, paramType(name), types, { unknownFields });
  return found.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('checkValue', () => {
  it('a value of its type, has no issues', () => {
    assert.deepEqual(issues(ORDER, 'order'), []);
    assert.deepEqual(issues({ ...ORDER, note: null }, 'order'), []);
    assert.deepEqual(issues({ value: 1, children: [{ value: 2, children: [] }] }, 'tree'), []);
  });

  it('a wrong value deep inside, is told with its path', () => {
    assert.deepEqual(issues({ ...ORDER, lines: [{ text: 'tea', amount: 'much' }] }, 'order'), [
      'lines.0.amount: expected a number, found "much"',
    ]);
    assert.deepEqual(issues({ ...ORDER, status: 'lost' }, 'order'), [
      'status: expected one of draft, paid, found "lost"',
    ]);
    assert.deepEqual(issues({ ...ORDER, id: 'x' }, 'order'), ['id: expected a UUID, found "x"']);
    assert.deepEqual(issues({ ...ORDER, extra: { a: 1.5 } }, 'order'), [
      'extra.a: expected a whole number, found 1.5',
    ]);
  });

  it('missing and unknown fields, are told where they are refused', () => {
    const { extra: _extra, ...rest } = ORDER;
    assert.deepEqual(issues(rest, 'order'), [": the field 'extra' is missing"]);
    assert.deepEqual(issues({ ...ORDER, more: 1 }, 'order'), []);
    assert.deepEqual(issues({ ...ORDER, more: 1 }, 'order', 'refuse'), [": there is no field 'more'"]);
  });

  it('unions, literals and durations, take what they name', () => {
    assert.deepEqual(issues('m', 'size'), []);
    assert.deepEqual(issues('l', 'size'), [': fits none of 2 types, found "l"']);
    assert.deepEqual(issues(1, 'either'), []);
    assert.deepEqual(issues(true, 'either'), [': fits none of 2 types, found true']);
    assert.deepEqual(readValue('5m', paramType('wait'), types), { value: 300_000 });
    assert.equal(durationMs('1w'), 604_800_000);
    assert.equal(durationMs('w'), undefined);
  });

  it('times, are normalised, and days that do not exist are none', () => {
    const at = paramType('at');
    assert.deepEqual(readValue('2026-01-31T12:00:00+02:00', at, types).value, '2026-01-31T10:00:00.000Z');
    assert.equal(checkValue('2026-02-30T12:00:00Z', at, types).length, 1);
    assert.equal(checkValue('yesterday', at, types).length, 1);
  });

  it('hostile values, are refused without harm', () => {
    const proto = JSON.parse('{"a":1,"__proto__":{"polluted":1}}') as JsonValue;
    assert.equal(checkValue(proto, { kind: 'dynamic' }, {}).length, 1);
    let deep: JsonValue = 1;
    for (let level = 0; level < 10_000; level += 1) deep = [deep];
    assert.equal(checkValue(deep, { kind: 'dynamic' }, {}).length, 1);
    assert.equal(checkValue(Number.NaN, { kind: 'primitive', name: 'float' }, {}).length, 1);
    const many = Array.from({ length: 1_000 }, () => 'x');
    assert.ok(checkValue(many, { kind: 'array', item: { kind: 'null' } }, {}).length <= 20);
  });

  it('JSON Schema, of plain and recursive types, says the same', () => {
    assert.deepEqual(jsonSchemaOf(paramType('size'), types), { type: 'string', enum: ['s', 'm'] });
    assert.deepEqual(jsonSchemaOf({ kind: 'named', name: 'Line' }, types), {
      type: 'object',
      properties: {
        text: { type: 'string' },
        amount: { type: 'number' },
        tags: { type: ['array', 'null'], items: { type: 'string' } },
      },
      required: ['text', 'amount'],
      additionalProperties: false,
    });
    const tree = {
      type: 'object',
      properties: {
        value: { type: 'integer' },
        children: { type: 'array', items: { $ref: '#/$defs/Tree' } },
      },
      required: ['value', 'children'],
      additionalProperties: false,
    };
    assert.deepEqual(jsonSchemaOf(paramType('tree'), types), { $ref: '#/$defs/Tree', $defs: { Tree: tree } });
  });
});
