import { GrainError } from '../../lib/index.ts';

/**
 * A place in a grain's emissions: after number `n` of the history `epoch`. As text: `epoch.n`. A history that began with a
 * `forget` has an epoch a part of a step above, which leaves the text unambiguous: `7.75.3` is after number 3 of 7.75.
 */
export interface EmissionCursor {
  readonly epoch: number;
  readonly n: number;
}

/** Before everything: all that is kept follows it. */
export const CURSOR_START: EmissionCursor = Object.freeze({ epoch: 0, n: 0 });

export function formatCursor({ epoch, n }: EmissionCursor): string {
  return `${epoch}.${n}`;
}

/** @throws ERR_CURSOR_INVALID */
export function parseCursor(text: string): EmissionCursor {
  const [, epochText, nText] = /^(\d{1,16}(?:\.\d{0,15}5)?)\.(\d{1,16})$/.exec(text) ?? [];
  const cursor = { epoch: Number(epochText), n: Number(nText) };
  if (cursor.epoch <= Number.MAX_SAFE_INTEGER && Number.isSafeInteger(cursor.n)) return cursor;
  throw new GrainError('ERR_CURSOR_INVALID', { cursor: text.slice(0, 64) });
}
