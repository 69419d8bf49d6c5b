import { utf8Length } from '../base/bytes.ts';
import { GrainError } from '../errors/grain-error.ts';
import { isKey } from '../ids/grain-id.ts';
import { freezeValue } from '../protocol/value-model.ts';

declare const TYPE: unique symbol;

/** A resident value whose type is wider than its default: `value<string | null>(null)`. */
export interface ValueField<T> {
  readonly kind: 'value';
  readonly initial: unknown;
  readonly [TYPE]?: T;
}

/** A collection by string key that is never loaded whole: `map<number>()`. */
export interface MapField<T> {
  readonly kind: 'map';
  readonly [TYPE]?: T;
}

/** A collection by position that is never loaded whole: `list<Reading>()`. */
export interface ListField<T> {
  readonly kind: 'list';
  readonly [TYPE]?: T;
}

const FIELD_BRAND: WeakSet<object> = new WeakSet();

function brand<T extends object>(field: T): T {
  FIELD_BRAND.add(field);
  return Object.freeze(field);
}

export function value<T>(initial: T): ValueField<T> {
  return brand({ kind: 'value', initial: freezeValue(initial) });
}

export function map<T>(): MapField<T> {
  return brand({ kind: 'map' });
}

export function list<T>(): ListField<T> {
  return brand({ kind: 'list' });
}

/** One field of a Core's memory, as the silo sees it. */
export interface FieldDefinition {
  readonly name: string;
  /** Its place among all fields of the Core, and in the arrays that hold their values. */
  readonly index: number;
  readonly kind: 'value' | 'map' | 'list';
  /** Frozen; what a grain that never wrote the field reads. Undefined for collections. */
  readonly initial: unknown;
}

const RESERVED: ReadonlySet<string> = new Set(['update', 'constructor', '__proto__']);

/** As long as storage takes in its keys. */
const FIELD_BYTES_MAX = 256;

function isFieldName(name: string): boolean {
  return isKey(name) && utf8Length(name) <= FIELD_BYTES_MAX;
}

/** The fields of a `memory` literal, in its order. @throws ERR_CORE_INVALID */
export function resolveFields(
  core: string,
  memory: Readonly<Record<string, unknown>>,
): readonly FieldDefinition[] {
  return Object.keys(memory).map((name, index) => {
    if (RESERVED.has(name) || !isFieldName(name)) {
      throw new GrainError('ERR_CORE_INVALID', {
        message: `${core}: a memory field may not be called ${name.slice(0, 64)}`,
        core,
      });
    }
    const given = memory[name];
    if (typeof given === 'object' && given !== null && FIELD_BRAND.has(given)) {
      const field = given as ValueField<unknown> | MapField<unknown> | ListField<unknown>;
      return Object.freeze({
        name,
        index,
        kind: field.kind,
        initial: field.kind === 'value' ? field.initial : undefined,
      });
    }
    return Object.freeze({ name, index, kind: 'value' as const, initial: initialOf(core, name, given) });
  });
}

function initialOf(core: string, name: string, given: unknown): unknown {
  try {
    return freezeValue(given ?? null);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new GrainError(
      'ERR_CORE_INVALID',
      { message: `${core}: default of memory.${name}: ${problem}`, core },
      { cause },
    );
  }
}
