// What a flow sees as `ctx.memory`. One class per Core, made once, with an accessor per value field on its prototype:
// a turn's view is then one small object, and V8 sees a fixed shape.
import { copyValue, type FieldDefinition, type MemoryList, type MemoryMap } from '../../lib/index.ts';

/** What a view asks of its turn. Positions are those of the Core's value fields. */
export interface MemoryDraft {
  readValue(position: number): unknown;
  writeValue(position: number, value: unknown): void;
  mapField(name: string): MemoryMap<unknown>;
  listField(name: string): MemoryList<unknown>;
}

const DRAFT = Symbol('draft');

class MemoryView {
  readonly [DRAFT]: MemoryDraft;

  constructor(draft: MemoryDraft) {
    this[DRAFT] = draft;
    Object.freeze(this);
  }
}

export type MemoryViewClass = new (draft: MemoryDraft) => object;

export function memoryViewClass(fields: readonly FieldDefinition[]): MemoryViewClass {
  const View = class extends MemoryView {};
  const positions = new Map<string, number>();
  for (const { name, kind } of fields) {
    if (kind === 'value') {
      const position = positions.size;
      positions.set(name, position);
      defineAccessor(View.prototype, name, {
        get(this: MemoryView) {
          return this[DRAFT].readValue(position);
        },
        set(this: MemoryView, value: unknown) {
          this[DRAFT].writeValue(position, value);
        },
      });
    } else {
      defineAccessor(View.prototype, name, {
        get(this: MemoryView) {
          return kind === 'map' ? this[DRAFT].mapField(name) : this[DRAFT].listField(name);
        },
      });
    }
  }
  Object.defineProperty(View.prototype, 'update', {
    value(this: MemoryView, name: string, change: (current: unknown) => unknown): void {
      const position = positions.get(name);
      if (position === undefined) throw new TypeError(`memory.update: ${name} is not a value field`);
      this[DRAFT].writeValue(position, change(copyValue(this[DRAFT].readValue(position))));
    },
  });
  return View;
}

function defineAccessor(prototype: object, name: string, accessor: PropertyDescriptor): void {
  Object.defineProperty(prototype, name, { ...accessor, enumerable: true });
}
