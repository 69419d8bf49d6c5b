// Marks: how far each source has come in this grain (hazards.md 3, 11 and 16). Pure decisions over StoredMark.
//   K1. One (source, seq) is applied at most once, and none is skipped: it runs only when its `prev` is the mark, or when
//       it is the first since an attach and above the mark.
//   K2. A lower attach than the mark's is refused: a newer connection took the session over.
//   K3. A refusal is remembered beside the mark while the source may still send that number again.
import { type ErrorCode, GrainError, isErrorCode } from '../../lib/index.ts';
import type { MessageMark } from '../messaging/envelope.ts';
import type { StoredMark } from '../storage/grain-storage.ts';

/** A source has at most so many unacknowledged numbers, so older refusals cannot be asked for again. */
export const REFUSAL_WINDOW = 4_096;

export type MarkDecision =
  | { readonly kind: 'apply' }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly error: GrainError };

const APPLY: MarkDecision = { kind: 'apply' };
const DONE: MarkDecision = { kind: 'done' };

export function decideMark(stored: StoredMark | undefined, sent: MessageMark): MarkDecision {
  const seq = stored?.seq ?? 0;
  if (stored && sent.attach < stored.attach) return refused('ERR_SESSION_REPLACED', {});
  if (sent.seq <= seq) {
    const refusal = stored?.refusals.find(([refusedSeq]) => refusedSeq === sent.seq);
    if (!refusal) return DONE;
    const [, code, message] = refusal;
    return refused(isErrorCode(code) ? code : 'ERR_FLOW_FAILED', { message });
  }
  if (sent.prev === seq || sent.prev === 0) return APPLY;
  return refused('ERR_EVENT_GAP', { mark: seq, prev: sent.prev });
}

function refused(code: ErrorCode, details: Readonly<Record<string, unknown>>): MarkDecision {
  return { kind: 'refused', error: new GrainError(code, details) };
}

/** The mark after `sent` was applied, or refused for good with `refusal`. */
export function advanceMark(
  stored: StoredMark | undefined,
  sent: MessageMark,
  refusal: GrainError | undefined,
  wallMs: number,
): StoredMark {
  const kept = stored?.refusals ?? [];
  let refusals = kept;
  if (kept.length > 0 && (kept[0]?.[0] ?? 0) <= sent.seq - REFUSAL_WINDOW) {
    refusals = kept.filter(([seq]) => seq > sent.seq - REFUSAL_WINDOW);
  }
  if (refusal) refusals = [...refusals, [sent.seq, refusal.code, refusal.message.slice(0, 500)]];
  return {
    source: sent.source,
    seq: sent.seq,
    attach: Math.max(sent.attach, stored?.attach ?? 0),
    refusals,
    wallMs,
  };
}
