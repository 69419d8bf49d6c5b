// Types as people write them, for messages.
import type { Type } from './type.ts';

const DEPTH_MAX = 4;
const LIST_MAX = 6;

export function printType(type: Type, depth = 0): string {
  if (depth > DEPTH_MAX) return '…';
  switch (type.kind) {
    case 'primitive':
    case 'named':
      return type.name;
    case 'array':
      return `array[${printType(type.item, depth + 1)}]`;
    case 'map':
      return `map[${printType(type.key, depth + 1)}, ${printType(type.value, depth + 1)}]`;
    case 'object': {
      const fields = type.fields.map(({ name, type: of }) => `${name}: ${printType(of, depth + 1)}`);
      return fields.length === 0 ? '{}' : `{ ${shorten(fields).join(', ')} }`;
    }
    case 'enum':
      return `enum[${shorten(type.symbols).join(', ')}]`;
    case 'union':
      return shorten(type.members.map((member) => printType(member, depth + 1))).join(' | ');
    case 'optional': {
      const inner = printType(type.inner, depth + 1);
      return type.inner.kind === 'union' ? `${inner} | null` : `${inner}?`;
    }
    case 'literal':
      return JSON.stringify(type.value);
    case 'null':
    case 'dynamic':
    case 'never':
      return type.kind;
  }
}

function shorten(items: readonly string[]): readonly string[] {
  return items.length <= LIST_MAX ? items : [...items.slice(0, LIST_MAX), '…'];
}
