// Types as people write them, for messages.
import type { Type } from './type.ts';

interface Limits {
  readonly depthMax: number;
  readonly listMax: number;
}
const SHORT: Limits = { depthMax: 4, listMax: 6 };
const WHOLE: Limits = { depthMax: 200, listMax: Infinity };

/** As people write it; long ones are cut, for messages. */
export function printType(type: Type): string {
  return write(type, 0, SHORT);
}

/** As source: nothing is left out. */
export function typeSource(type: Type): string {
  return write(type, 0, WHOLE);
}

function write(type: Type, depth: number, limits: Limits): string {
  if (depth > limits.depthMax) return '…';
  const shorten = (items: readonly string[]): readonly string[] =>
    items.length <= limits.listMax ? items : [...items.slice(0, limits.listMax), '…'];
  switch (type.kind) {
    case 'primitive':
    case 'named':
      return type.name;
    case 'array':
      return `array[${write(type.item, depth + 1, limits)}]`;
    case 'map':
      return `map[${write(type.key, depth + 1, limits)}, ${write(type.value, depth + 1, limits)}]`;
    case 'object': {
      const fields = type.fields.map(({ name, type: of }) => `${name}: ${write(of, depth + 1, limits)}`);
      return fields.length === 0 ? '{}' : `{ ${shorten(fields).join(', ')} }`;
    }
    case 'enum':
      return `enum[${shorten(type.symbols).join(', ')}]`;
    case 'union':
      return shorten(type.members.map((member) => write(member, depth + 1, limits))).join(' | ');
    case 'optional': {
      const inner = write(type.inner, depth + 1, limits);
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
