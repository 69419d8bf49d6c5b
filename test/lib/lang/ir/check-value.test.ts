// Values against types: what fits, what is said of what does not, and that a value and its JSON Schema agree.
import assert from 'node:assert/strict';
import { checkValue, compile, type IRType, jsonSchemaOf, parseDuration } from '../../../../lib/lang/index.ts';

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
  const checked = checkValue(value, paramType(name), types, { unknownFields });
  return checked.issues.map(({ path, message }) => `${path}: ${message}`);
}

describe('checkValue', () => {
  it('a value of its type, has no issues', () => {
    assert.deepEqual(issues(ORDER, 'order'), []);
    assert.deepEqual(issues({ ...ORDER, note: null }, 'order'), []);
    assert.deepEqual(issues({ value: 1, children: [{ value: 2, children: [] }] }, 'tree'), []);
  });

  it('a wrong value deep inside, is told with its path', () => {
    assert.deepEqual(issues({ ...ORDER, lines: [{ text: 'tea', amount: 'much' }] }, 'order'), [
      'lines[0].amount: expected a number, found "much"',
    ]);
    assert.deepEqual(issues({ ...ORDER, status: 'lost' }, 'order'), [
      'status: expected one of draft, paid, found "lost"',
    ]);
    assert.deepEqual(issues({ ...ORDER, id: 'x' }, 'order'), ['id: is no uuid: "x"']);
    assert.deepEqual(issues({ ...ORDER, extra: { a: 1.5 } }, 'order'), [
      'extra["a"]: expected a whole number, found 1.5',
    ]);
  });

  it('missing and unknown fields, are told where they are refused', () => {
    const { extra: _extra, ...rest } = ORDER;
    assert.deepEqual(issues(rest, 'order'), ['extra: is missing']);
    assert.deepEqual(issues({ ...ORDER, more: 1 }, 'order'), []);
    assert.deepEqual(issues({ ...ORDER, more: 1 }, 'order', 'refuse'), ['more: is not a field of this type']);
  });

  it('unions, literals and durations, take what they name', () => {
    assert.deepEqual(issues('m', 'size'), []);
    assert.deepEqual(issues('l', 'size'), [': expected one of the types of the union, found "l"']);
    assert.deepEqual(issues(1, 'either'), []);
    assert.deepEqual(issues(true, 'either'), [': expected one of the types of the union, found true']);
    assert.deepEqual(checkValue('5m', paramType('wait'), types), { value: 300_000, issues: [] });
    assert.equal(parseDuration('1w'), 604_800_000);
    assert.equal(parseDuration('w'), undefined);
  });

  it('times, are normalised, and days that do not exist are none', () => {
    const at = paramType('at');
    assert.deepEqual(checkValue('2026-01-31T12:00:00+02:00', at, types).value, '2026-01-31T10:00:00.000Z');
    assert.equal(checkValue('2026-02-30T12:00:00Z', at, types).issues.length, 1);
    assert.equal(checkValue('yesterday', at, types).issues.length, 1);
  });

  it('hostile values, are refused without harm', () => {
    const proto: unknown = JSON.parse('{"a":1,"__proto__":{"polluted":1}}');
    assert.equal(checkValue(proto, { kind: 'dynamic' }, {}).issues.length, 1);
    let deep: unknown = 1;
    for (let level = 0; level < 10_000; level += 1) deep = [deep];
    assert.deepEqual(
      checkValue(deep, { kind: 'dynamic' }, {}).issues.map(({ message }) => message),
      ['is nested too deeply'],
    );
    assert.equal(checkValue(Number.NaN, { kind: 'dynamic' }, {}).issues.length, 1);
    assert.ok(
      checkValue(
        Array.from({ length: 1_000 }, () => 'x'),
        { kind: 'array', item: { kind: 'null' } },
        {},
      ).issues.length <= 20,
    );
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
