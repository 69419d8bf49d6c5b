// Finds what the variables of a signature stand for, from the types that are given.
import type { Type } from './type.ts';
import { type TypeArguments, VARIABLES } from './type-arguments.ts';
import type { TypeTable } from './type-table.ts';

/** Adds to `known` what `actual` says about the variables in `pattern`; says nothing about what does not fit. */
export function unify(pattern: Type, actual: Type, known: TypeArguments, table: TypeTable): void {
  switch (pattern.kind) {
    case 'named': {
      if (!VARIABLES.has(pattern.name)) return;
      const before = known.get(pattern.name);
      known.set(pattern.name, before ? table.join(before, actual) : actual);
      return;
    }
    case 'array': {
      const whole = table.expand(actual);
      if (whole.kind === 'array') unify(pattern.item, whole.item, known, table);
      return;
    }
    case 'map': {
      const whole = table.expand(actual);
      if (whole.kind !== 'map') return;
      unify(pattern.key, whole.key, known, table);
      unify(pattern.value, whole.value, known, table);
      return;
    }
    case 'optional':
      unify(pattern.inner, table.nonNull(actual), known, table);
      return;
    case 'object': {
      const whole = table.expand(actual);
      if (whole.kind !== 'object') return;
      for (const { name, type } of pattern.fields) {
        const field = table.fieldOf(whole, name);
        if (field) unify(type, field.type, known, table);
      }
      return;
    }
    case 'primitive':
    case 'enum':
    case 'union':
    case 'literal':
    case 'null':
    case 'dynamic':
    case 'never':
      return;
  }
}
