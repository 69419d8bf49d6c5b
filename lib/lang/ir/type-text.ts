// Types as they are written in source, in full: for manifests and summaries.
import type { Type } from '../types/type.ts';

export function typeText(type: Type): string {
  switch (type.kind) {
    case 'primitive':
    case 'named':
      return type.name;
    case 'array':
      return `array[${typeText(type.item)}]`;
    case 'map':
      return `map[${typeText(type.key)}, ${typeText(type.value)}]`;
    case 'object': {
      const fields = type.fields.map(
        ({ name, type: of, is_optional: isOptional }) =>
          `${name}: ${isOptional === true ? optionalText(of) : typeText(of)}`,
      );
      return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
    }
    case 'enum':
      return `enum[${type.symbols.join(', ')}]`;
    case 'union':
      return type.members.map(typeText).join(' | ');
    case 'optional':
      return optionalText(type.inner);
    case 'literal':
      return JSON.stringify(type.value);
    case 'null':
    case 'dynamic':
    case 'never':
      return type.kind;
  }
}

function optionalText(inner: Type): string {
  if (inner.kind === 'optional') return optionalText(inner.inner);
  return inner.kind === 'union' ? `${typeText(inner)} | null` : `${typeText(inner)}?`;
}
