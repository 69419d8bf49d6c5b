// Methods of maps and objects, in the order in which keys were set. Each gives a new map.
import type { JsonValue } from '../../ir/ir.ts';
import { fieldOf, type JsonObject, type MutableObject, putField } from '../values.ts';
import { lambda, object, type StdContext, type StdMethods, text, valueOf } from './std.ts';

function each(context: StdContext, self: JsonValue): JsonObject {
  const map = object(self);
  const { length } = Object.keys(map);
  context.charge(length);
  context.build(length);
  return map;
}

export const MAP_METHODS: StdMethods = {
  length: (_x, self) => Object.keys(object(self)).length,
  keys: (x, self) => Object.keys(each(x, self)),
  values: (x, self) => Object.values(each(x, self)),
  entries: (x, self) => {
    const entries = entriesOf(each(x, self));
    x.build(4 * entries.length);
    return entries;
  },
  get: (_x, self, key) => fieldOf(object(self), text(key)),
  has: (_x, self, key) => Object.hasOwn(object(self), text(key)),
  set: (x, self, key, value) => {
    const copy: MutableObject = { ...each(x, self) };
    putField(copy, text(key), valueOf(value));
    return copy;
  },
  remove: (x, self, key) => {
    const gone = text(key);
    const copy: MutableObject = {};
    for (const [name, value] of Object.entries(each(x, self))) if (name !== gone) copy[name] = value;
    return copy;
  },
  merge: (x, self, other) => ({ ...each(x, self), ...object(other) }),
  map_values: (x, self, fn) => {
    const run = lambda(fn);
    const copy: MutableObject = {};
    for (const [name, value] of Object.entries(each(x, self))) copy[name] = run(value, null);
    return copy;
  },
  is_empty: (_x, self) => Object.keys(object(self)).length === 0,
};

export function entriesOf(map: JsonObject): readonly JsonValue[] {
  return Object.entries(map).map(([key, value]) => ({ key, value }));
}
