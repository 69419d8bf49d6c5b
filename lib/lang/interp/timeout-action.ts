// What happens when nobody decided in time: the words of `on_timeout`.
import { ScaiCoreError } from './errors.ts';
import type { CheckpointRecord } from './host-environment.ts';
import { isObject } from './values.ts';

export type TimeoutAction =
  | { readonly kind: 'decide'; readonly decision: string }
  | { readonly kind: 'fail'; readonly error: ScaiCoreError }
  | { readonly kind: 'escalate' };

const DECISIONS: ReadonlyMap<string, string> = new Map([
  ['approve', 'approve'],
  ['auto_approve', 'approve'],
  ['reject', 'reject'],
  ['auto_reject', 'reject'],
]);

/** An option of the checkpoint is meant as that, even where the word means something else too. */
export function timeoutOf(record: CheckpointRecord): TimeoutAction {
  const { on_timeout: word = 'fail', options, checkpoint_id: checkpointId } = record;
  if (options.includes(word)) return { kind: 'decide', decision: word };
  const decision = DECISIONS.get(word);
  if (decision !== undefined) return { kind: 'decide', decision };
  if (word === 'escalate') return { kind: 'escalate' };
  if (word === 'cancel')
    return {
      kind: 'fail',
      error: new ScaiCoreError('CancelledError', 'nobody decided in time', { checkpointId }),
    };
  const message = 'nobody decided in time';
  return { kind: 'fail', error: new ScaiCoreError('CheckpointTimeoutError', message, { checkpointId }) };
}

/** It goes on waiting, without an end, for somebody higher up: the payload says so. */
export function escalated(record: CheckpointRecord): CheckpointRecord {
  const { timeout_ms: _timeout, expires_at_ms: _expiry, on_timeout: _action, ...kept } = record;
  const { payload } = record;
  return {
    ...kept,
    payload: isObject(payload) ? { ...payload, escalated: true } : { value: payload, escalated: true },
  };
}
