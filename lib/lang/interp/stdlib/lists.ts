// Methods of lists. Each gives a new list; what it reads stays as it was. Work is paid for by the item.
import { ScaiCoreError } from '../errors.ts';
import type { JsonValue } from '../../ir/ir.ts';
import {
  boundText,
  compare,
  equals,
  LIST_MAX,
  type MutableObject,
  putField,
  TEXT_MAX,
  tooLong,
  toText,
} from '../values.ts';
import { keyText } from './unique-key.ts';
import {
  count,
  lambda,
  type Lambda,
  list,
  num,
  optionalLambda,
  optionalText,
  optionalWhole,
  type StdArg,
  type StdContext,
  type StdMethods,
  text,
  truth,
  valueOf,
  whole,
} from './std.ts';

/** What a small list or object takes, as items of a list. */
const OBJECT_ITEMS = 5;
/** Items that are only copied; a step pays for that many. */
const COPIED_PER_STEP = 16;

function copied(context: StdContext, items: readonly JsonValue[]): readonly JsonValue[] {
  if (items.length > LIST_MAX) throw tooLong(`a list of ${items.length}`, LIST_MAX);
  context.charge(Math.ceil(items.length / COPIED_PER_STEP));
  context.build(items.length);
  return items;
}

/** The receiver, of which as many items are made. */
function making(context: StdContext, self: JsonValue): readonly JsonValue[] {
  const items = each(context, self);
  context.build(items.length);
  return items;
}

/** The receiver, paid for by the item. */
function each(context: StdContext, self: JsonValue): readonly JsonValue[] {
  const items = list(self);
  context.charge(items.length);
  return items;
}

export const ARRAY_METHODS: StdMethods = {
  length: (_x, self) => list(self).length,
  first: (_x, self) => list(self)[0] ?? null,
  last: (_x, self) => list(self).at(-1) ?? null,
  is_empty: (_x, self) => list(self).length === 0,
  map: (x, self, fn) => {
    const run = lambda(fn);
    return making(x, self).map((item, index) => run(item, index));
  },
  filter: (x, self, fn) => {
    const run = lambda(fn);
    return making(x, self).filter((item, index) => truth(run(item, index)));
  },
  reduce: (x, self, initial, fn) => {
    const run = lambda(fn);
    return each(x, self).reduce((sum, item) => run(sum, item), valueOf(initial));
  },
  find: (x, self, fn) => {
    const items = each(x, self);
    return items[findIndex(items, fn)] ?? null;
  },
  find_index: (x, self, fn) => {
    const at = findIndex(each(x, self), fn);
    return at < 0 ? null : at;
  },
  any: (x, self, fn) => findIndex(each(x, self), fn) >= 0,
  all: (x, self, fn) => {
    const run = lambda(fn);
    return each(x, self).every((item) => truth(run(item, null)));
  },
  none: (x, self, fn) => findIndex(each(x, self), fn) < 0,
  count: (x, self, fn) => {
    const run = optionalLambda(fn);
    const items = each(x, self);
    return run
      ? items.reduce<number>((sum, item) => sum + (truth(run(item, null)) ? 1 : 0), 0)
      : items.length;
  },
  sum: (x, self, fn) => sum(numbers(each(x, self), fn)),
  min: (x, self, fn) => extreme(each(x, self), optionalLambda(fn), -1),
  max: (x, self, fn) => extreme(each(x, self), optionalLambda(fn), 1),
  avg: (x, self, fn) => {
    const found = numbers(each(x, self), fn);
    return found.length === 0 ? null : sum(found) / found.length;
  },
  sort: (x, self) => sorted(x, making(x, self), undefined),
  sort_by: (x, self, fn) => sorted(x, making(x, self), lambda(fn)),
  reverse: (x, self) => copied(x, list(self).slice().reverse()),
  slice: (x, self, start, end) =>
    copied(x, list(self).slice(whole(start), optionalWhole(end, list(self).length))),
  take: (x, self, items) => copied(x, list(self).slice(0, count(items))),
  skip: (x, self, items) => copied(x, list(self).slice(count(items))),
  concat: (x, self, other) => copied(x, list(self).concat(list(other))),
  push: (x, self, item) => copied(x, pushed(list(self), valueOf(item))),
  contains: (x, self, item) => indexOf(each(x, self), valueOf(item)) >= 0,
  index_of: (x, self, item) => {
    const at = indexOf(each(x, self), valueOf(item));
    return at < 0 ? null : at;
  },
  join: (x, self, separator) => join(x, each(x, self), optionalText(separator, ', ')),
  unique: (x, self) => unique(making(x, self)),
  flatten: (x, self) =>
    copied(
      x,
      flat(each(x, self), (item) => list(item)),
    ),
  flat_map: (x, self, fn) => {
    const run = lambda(fn);
    return copied(
      x,
      flat(each(x, self), (item) => list(run(item, null))),
    );
  },
  group_by: (x, self, fn) => grouped(making(x, self), lambda(fn)),
  zip: (x, self, other) => {
    const right = list(other);
    const items = each(x, self);
    x.build(OBJECT_ITEMS * Math.min(items.length, right.length));
    return items.slice(0, right.length).map((left, index) => ({ left, right: right[index] ?? null }));
  },
  chunk: (x, self, size) => chunks(x, each(x, self), whole(size)),
};

function findIndex(items: readonly JsonValue[], fn: StdArg): number {
  const run = lambda(fn);
  return items.findIndex((item) => truth(run(item, null)));
}

function indexOf(items: readonly JsonValue[], item: JsonValue): number {
  return items.findIndex((other) => equals(other, item));
}

function pushed(items: readonly JsonValue[], item: JsonValue): readonly JsonValue[] {
  const copy = items.slice();
  copy.push(item);
  return copy;
}

function numbers(items: readonly JsonValue[], fn: StdArg): readonly number[] {
  const run = optionalLambda(fn);
  return items.map((item) => num(run ? run(item, null) : item));
}

/**
 * Whole numbers add up as ints do. Others are rounded to 12 significant digits after adding, where that is closer to
 * what was written: the type (float or money) is not known here, and 0.1 ten times has to be 1 for both.
 */
function sum(items: readonly number[]): number {
  let total = 0;
  let isWhole = true;
  for (const item of items) {
    total += item;
    isWhole &&= Number.isInteger(item);
  }
  if (total - total !== 0 || (isWhole && Math.abs(total) > Number.MAX_SAFE_INTEGER))
    throw new ScaiCoreError('ArithmeticError', 'the sum is too large');
  return isWhole ? total : tidy(total);
}

function tidy(total: number): number {
  const rounded = Number(total.toPrecision(14));
  return Math.abs(rounded - total) <= Math.abs(total) * 1e-13 ? rounded : total;
}

function extreme(items: readonly JsonValue[], fn: Lambda | undefined, sign: 1 | -1): JsonValue {
  let best: JsonValue = null;
  let bestBy: JsonValue = null;
  for (const [index, item] of items.entries()) {
    const by = fn ? fn(item, null) : item;
    if (index > 0 && compare(by, bestBy) * sign <= 0) continue;
    best = item;
    bestBy = by;
  }
  return best;
}

/** Stable; null comes last, since it has no place among values. */
function sorted(
  context: StdContext,
  items: readonly JsonValue[],
  fn: Lambda | undefined,
): readonly JsonValue[] {
  context.charge(items.length * Math.ceil(Math.log2(items.length + 1)));
  const keyed = items.map((item) => ({ item, by: fn ? fn(item, null) : item }));
  keyed.sort((one, other) => {
    if (one.by === null || other.by === null) return Number(one.by === null) - Number(other.by === null);
    return compare(one.by, other.by);
  });
  return keyed.map(({ item }) => item);
}

function join(context: StdContext, items: readonly JsonValue[], separator: string): string {
  let length = 0;
  const parts = items.map((item) => {
    const part = toText(item);
    length += part.length + separator.length;
    if (length > TEXT_MAX) throw tooLong(`text of ${length} characters`, TEXT_MAX);
    return part;
  });
  context.build(length >> 3);
  return boundText(parts.join(separator));
}

function unique(items: readonly JsonValue[]): readonly JsonValue[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const key = keyText(item);
    return !seen.has(key) && seen.add(key);
  });
}

function flat(
  items: readonly JsonValue[],
  inner: (item: JsonValue) => readonly JsonValue[],
): readonly JsonValue[] {
  const all: JsonValue[] = [];
  for (const item of items) {
    for (const one of inner(item)) all.push(one);
    if (all.length > LIST_MAX) throw tooLong(`a list of ${all.length}`, LIST_MAX);
  }
  return all;
}

function grouped(items: readonly JsonValue[], fn: Lambda): JsonValue {
  const groups = new Map<string, JsonValue[]>();
  for (const item of items) {
    const key = text(fn(item, null));
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  const object: MutableObject = {};
  for (const [key, group] of groups) putField(object, key, group);
  return object;
}

function chunks(context: StdContext, items: readonly JsonValue[], size: number): JsonValue {
  if (size < 1) throw new ScaiCoreError('IndexError', `a chunk has at least one item, not ${size}`);
  context.build(items.length + OBJECT_ITEMS * Math.ceil(items.length / size));
  const found: JsonValue[] = [];
  for (let at = 0; at < items.length; at += size) found.push(items.slice(at, at + size));
  return found;
}
