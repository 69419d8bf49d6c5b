// Patterns of `match`: a test that binds names as it goes. A failed arm may leave names bound; nobody reads those.
import type { IRPattern, JsonValue } from '../ir/ir.ts';
import type { FlowNames } from './names.ts';
import { equals, fieldOf, isObject, type Slots } from './values.ts';

export type PatternTest = (slots: Slots, value: JsonValue) => boolean;

export function compilePattern(pattern: IRPattern, names: FlowNames): PatternTest {
  switch (pattern.kind) {
    case 'any':
      return () => true;
    case 'literal': {
      const { value: wanted } = pattern;
      if (wanted === null || typeof wanted !== 'object') return (_s, value) => value === wanted;
      return (_s, value) => equals(value, wanted);
    }
    case 'or': {
      const tests = pattern.options.map((option) => compilePattern(option, names));
      return (s, value) => tests.some((test) => test(s, value));
    }
    case 'object':
      return objectTest(pattern, names);
  }
}

function objectTest(pattern: IRPattern & { readonly kind: 'object' }, names: FlowNames): PatternTest {
  const fields = pattern.fields.map(({ name, pattern: inner }) => ({
    name,
    slot: inner ? 0 : names.slotOf(name),
    test: inner && compilePattern(inner, names),
  }));
  return (s, value) => {
    if (!isObject(value)) return false;
    for (const { name, slot, test } of fields) {
      const item = fieldOf(value, name);
      if (test && !test(s, item)) return false;
      // A name without a pattern asks that the field is there.
      if (!test && !Object.hasOwn(value, name)) return false;
      if (!test) s[slot] = item;
    }
    return true;
  };
}
