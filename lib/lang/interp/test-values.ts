// Values of a type, made from a seed; and smaller ones, for the smallest case that fails.
import { randomBelow, randomOf, type Rng } from '../../base/rng.ts';
import { checkValue } from '../ir/check-value.ts';
import type { IRParam, IRType, JsonValue } from '../ir/ir.ts';

const DEPTH_MAX = 4;
const WHOLE = [0, 1, -1, 2, 10, 100, -100, 1_000_000];
const TEXTS = ['', 'a', ' ', 'abc', 'Hello, world', '0', 'ä€😀', 'line\nbreak', '${x}'];

/** `count` says how many were made before: the first ones are the borders. */
export function generateValue(
  type: IRType,
  types: Readonly<Record<string, IRType>>,
  rng: Rng,
  count: number,
  depth = 0,
): JsonValue {
  const below = (inner: IRType): JsonValue => generateValue(inner, types, rng, count + 8, depth + 1);
  switch (type.kind) {
    case 'primitive':
      return primitive(type.name, rng, count);
    case 'array':
      return depth > DEPTH_MAX
        ? []
        : Array.from({ length: count === 0 ? 0 : randomBelow(rng, 6) }, () => below(type.item as IRType));
    case 'map':
      return Object.fromEntries(
        Array.from({ length: depth > DEPTH_MAX ? 0 : randomBelow(rng, 4) }, (_none, index) => [
          `k${index}`,
          below(type.value as IRType),
        ]),
      );
    case 'object':
      return Object.fromEntries(
        type.fields
          .filter((field) => field.is_optional !== true || rng.next() < 0.5)
          .map((field) => [field.name, below(field.type as IRType)]),
      );
    case 'enum':
      return randomOf(rng, type.symbols) ?? null;
    case 'union':
      return below((randomOf(rng, type.members) ?? { kind: 'null' }) as IRType);
    case 'optional':
      return depth > DEPTH_MAX || rng.next() < 0.3 ? null : below(type.inner as IRType);
    case 'named':
      return below(types[type.name] ?? { kind: 'null' });
    case 'literal':
      return type.value;
    case 'null':
      return null;
    case 'dynamic':
      return primitive(rng.next() < 0.5 ? 'int' : 'string', rng, count);
  }
}

function primitive(name: string, rng: Rng, count: number): JsonValue {
  const whole = (): number =>
    count < WHOLE.length ? (WHOLE[count] ?? 0) : randomBelow(rng, 2_000_001) - 1_000_000;
  switch (name) {
    case 'bool':
      return count < 2 ? count === 0 : rng.next() < 0.5;
    case 'int':
      return whole();
    case 'float':
      return count < WHOLE.length ? whole() : (rng.next() - 0.5) * 2_000_000;
    case 'money':
      return Math.round(whole() * 100 + rng.next() * 100) / 100;
    case 'duration':
      return Math.abs(whole());
    case 'date':
      return new Date(randomBelow(rng, 36_525) * 86_400_000).toISOString().slice(0, 10);
    case 'datetime':
      return new Date(randomBelow(rng, 2 ** 31) * 1_000).toISOString();
    case 'email':
      return `user${randomBelow(rng, 1_000)}@example.com`;
    case 'url':
      return `https://example.com/${randomBelow(rng, 1_000)}`;
    case 'uuid':
      return `${rng.hex(4)}-${rng.hex(2)}-4${rng.hex(2).slice(1)}-8${rng.hex(2).slice(1)}-${rng.hex(6)}`;
    default:
      return count < TEXTS.length
        ? (TEXTS[count] ?? '')
        : Array.from({ length: randomBelow(rng, 12) }, () =>
            String.fromCharCode(97 + randomBelow(rng, 26)),
          ).join('');
  }
}

/** Cases that differ from `input` in one place, where the value is smaller and still of its type. */
export function* smallerCases(
  input: Readonly<Record<string, JsonValue>>,
  params: readonly IRParam[],
  types: Readonly<Record<string, IRType>>,
): Generator<Readonly<Record<string, JsonValue>>> {
  for (const { name, type } of params)
    for (const smaller of smallerValues(input[name] ?? null))
      if (checkValue(smaller, type, types).length === 0) yield { ...input, [name]: smaller };
}

/** Whatever its type: those that do not fit are left out later. */
function* smallerValues(value: JsonValue): Generator<JsonValue> {
  if (value === null) return;
  yield null;
  if (typeof value === 'number') yield* smallerNumbers(value);
  else if (value === true) yield false;
  else if (typeof value === 'string' && value !== '') {
    yield '';
    yield value.slice(0, value.length >> 1);
    yield value.slice(1);
  } else if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    for (const index of items.keys()) yield items.filter((_item, at) => at !== index);
    for (const [index, item] of items.entries())
      for (const smaller of smallerValues(item))
        yield items.map((other, at) => (at === index ? smaller : other));
  } else if (typeof value === 'object') {
    const fields = Object.entries(value);
    for (const [name] of fields) yield Object.fromEntries(fields.filter(([other]) => other !== name));
    for (const [name, field] of fields)
      for (const smaller of smallerValues(field)) yield { ...value, [name]: smaller };
  }
}

function* smallerNumbers(value: number): Generator<number> {
  if (value === 0) return;
  yield 0;
  const half = Number.isInteger(value) ? Math.trunc(value / 2) : Math.trunc(value);
  if (half !== value && half !== 0) yield half;
  if (Number.isInteger(value)) yield value - Math.sign(value);
  if (value < 0) yield -value;
}
