// Closures that never wait, and how they are put together.
//   S1. A closure answers how it ended: `DONE`, or what its surroundings have to do. A returned value waits in the
//       execution's `returned`.
import type { Slots } from './values.ts';

export const DONE = 0;
export const BREAK = 1;
export const CONTINUE = 2;
export const RETURN = 3;
export type Completion = typeof DONE | typeof BREAK | typeof CONTINUE | typeof RETURN;
export type Run = (slots: Slots) => Completion;

/** `isPlain`: it always ends with `DONE`, so nobody has to look. */
export interface SyncCode {
  readonly run: Run;
  readonly isPlain: boolean;
}

const NOTHING: SyncCode = { run: () => DONE, isPlain: true };
export const plain = (run: Run): SyncCode => ({ run, isPlain: true });

export function sequence(parts: readonly SyncCode[]): SyncCode {
  const [first, second, third] = parts;
  if (first === undefined) return NOTHING;
  if (second === undefined) return first;
  if (third !== undefined) {
    const half = parts.length === 3 ? 1 : parts.length >> 1;
    return pair(sequence(parts.slice(0, half)), sequence(parts.slice(half)));
  }
  return pair(first, second);
}

function pair(first: SyncCode, second: SyncCode): SyncCode {
  const [one, two] = [first.run, second.run];
  const isPlain = first.isPlain && second.isPlain;
  if (first.isPlain)
    return {
      run: (s) => {
        one(s);
        return two(s);
      },
      isPlain,
    };
  return {
    run: (s) => {
      const ended = one(s);
      return ended === DONE ? two(s) : ended;
    },
    isPlain,
  };
}
