// What a caller gets of a flow that stopped at a checkpoint. A flow that ran to its end replies with its plain output.
import type { CheckpointRecord, JsonValue } from '../../lib/lang/index.ts';

export interface SuspendedReply {
  readonly status: 'SUSPENDED';
  readonly execution_id: string;
  readonly checkpoint: {
    readonly checkpoint_id: string;
    readonly type: string;
    readonly prompt: string;
    readonly payload: JsonValue;
    readonly options: readonly string[];
    /** ISO, UTC; null: it waits for ever. */
    readonly expires_at: string | null;
  };
}

export function suspendedReply(record: CheckpointRecord): SuspendedReply {
  return {
    status: 'SUSPENDED',
    execution_id: record.execution_id,
    checkpoint: {
      checkpoint_id: record.checkpoint_id,
      type: record.checkpoint_type,
      prompt: record.prompt,
      payload: record.payload,
      options: record.options,
      expires_at: isoOf(record.expires_at_ms),
    },
  };
}

export function isoOf(wallMs: number | undefined): string | null {
  return wallMs === undefined ? null : new Date(wallMs).toISOString();
}

export function isSuspendedReply(reply: unknown): reply is SuspendedReply {
  if (typeof reply !== 'object' || reply === null) return false;
  const { status, execution_id, checkpoint } = reply as Partial<SuspendedReply>;
  return status === 'SUSPENDED' && typeof execution_id === 'string' && typeof checkpoint === 'object';
}

/** JSON Schema of the reply, for documents. */
export const SUSPENDED_SCHEMA: JsonValue = {
  type: 'object',
  properties: {
    status: { const: 'SUSPENDED' },
    execution_id: { type: 'string' },
    checkpoint: {
      type: 'object',
      properties: {
        checkpoint_id: { type: 'string' },
        type: { type: 'string' },
        prompt: { type: 'string' },
        payload: {},
        options: { type: 'array', items: { type: 'string' } },
        expires_at: { type: ['string', 'null'] },
      },
      required: ['checkpoint_id', 'type', 'prompt', 'payload', 'options', 'expires_at'],
    },
  },
  required: ['status', 'execution_id', 'checkpoint'],
};
