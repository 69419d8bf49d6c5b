// What compiling an expression gives: a closure, and what is known of it that lets its user choose a faster one.
import type { JsonValue } from '../ir/ir.ts';
import type { Ex, Slots } from './values.ts';

export interface Code {
  readonly run: Ex;
  /** It only reads this slot. */
  readonly slot?: number;
  /** It is always this value. */
  readonly constant?: { readonly value: JsonValue };
}

export function constantCode(value: JsonValue): Code {
  return { run: () => value, constant: { value } };
}

export function slotCode(slot: number): Code {
  return { run: (s) => s[slot] as JsonValue, slot };
}

/** Reads a variable that its flow adds to: from now on somebody else may have its value (growing.ts, G2). */
export function sharingCode(slot: number, owner: number): Code {
  return {
    run: (s) => {
      s[owner] = null;
      return s[slot] as JsonValue;
    },
  };
}

/** Runs `run` now if all that it needs is known now. What would fail then is left to fail when it is run. */
export function folded(run: Ex, parts: readonly Code[]): Code {
  if (!parts.every(({ constant }) => constant !== undefined)) return { run };
  try {
    const none: Slots = [];
    return constantCode(run(none));
  } catch {
    // The program may never come to this place, or catch the error there.
    return { run };
  }
}
