// How large a value may be that leaves a program, becomes text, or is compared. Inside of a program lists and objects are
// shared: `b = { x: a, y: a }` makes one object more. Outside each is written as often as it is met, so that a few dozen
// lines could make what no machine holds; neither fuel nor the bounds of texts and lists see that.
import type { JsonValue } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import type { CheckpointRecord } from './host-environment.ts';

/** Lists, objects, and what is in them, each as often as it is met. */
export const PARTS_MAX = 1_000_000;
/** As deep as what flows are given may be. */
const DEPTH_MAX = 200;
/** Those of a state, around its values. */
const FRAME_LEVELS = 10;

/** How much of `most` is left when the parts of `value` are counted; negative: it has more, or is nested too deeply. */
function partsLeft(value: JsonValue, most: number, depth: number): number {
  if (typeof value !== 'object' || value === null) return most - 1;
  if (depth === 0) return -1;
  let left = most - 1;
  if (Array.isArray(value)) {
    // Most long lists hold no objects: those need no look at each item.
    left -= value.length;
    for (let at = 0; at < value.length && left >= 0; at += 1) {
      const item = value[at] as JsonValue;
      if (typeof item === 'object' && item !== null) left = partsLeft(item, left, depth - 1);
    }
    return left;
  }
  for (const name of Object.keys(value)) {
    if (left < 0) return left;
    left = partsLeft((value as Readonly<Record<string, JsonValue>>)[name] ?? null, left, depth - 1);
  }
  return left;
}

export function isWithin(value: JsonValue, partsMax: number, levels = DEPTH_MAX): boolean {
  return partsLeft(value, partsMax, levels) >= 0;
}

/** @throws RuntimeError for what is too large; gives the value otherwise */
export function sized<Value extends JsonValue | undefined>(value: Value): Value {
  if (value !== undefined && !isWithin(value, PARTS_MAX)) throw tooLarge();
  return value;
}

/** What is stored at a checkpoint, with the frames that hold the values. @throws RuntimeError */
export function requireStorable({ payload, state }: Pick<CheckpointRecord, 'payload' | 'state'>): void {
  sized(payload);
  if (!isWithin(state as unknown as JsonValue, PARTS_MAX, DEPTH_MAX + FRAME_LEVELS)) throw tooLarge();
}

export function tooLarge(): ScaiCoreError {
  const message = `a value has more than ${PARTS_MAX} parts, or more than ${DEPTH_MAX} levels: too large to leave the program`;
  return new ScaiCoreError('RuntimeError', message, { partsMax: PARTS_MAX, levelsMax: DEPTH_MAX });
}
