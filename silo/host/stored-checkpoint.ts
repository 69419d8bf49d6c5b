// A checkpoint as its grain keeps it, as the event that the grain emits, and as a row for people. Pure conversions.
import type { CheckpointRecord, JsonValue } from '../../lib/lang/index.ts';
import type { AssigneeType, CheckpointRow, CheckpointSettlement } from '../checkpoints/checkpoint-store.ts';
import { stateKey } from '../checkpoints/checkpoint-keys.ts';

/** Entry of the grain's map of checkpoints. The record is text: states may be deeper than values of memory, and of any names. */
export interface StoredCheckpoint {
  readonly version: number;
  readonly record: string;
}

export function storedOf(record: CheckpointRecord, version: number): StoredCheckpoint {
  return { version, record: JSON.stringify(record) };
}

export function recordOf({ record }: StoredCheckpoint): CheckpointRecord {
  return JSON.parse(record) as CheckpointRecord;
}

/** What goes to the projector with the commit (hazards.md 22): the row, and the state while it is pending. */
export interface CheckpointEvent {
  readonly row: CheckpointRow;
  readonly state: string | null;
}
export const CHECKPOINT_EVENT = 'scaicore.checkpoint';

export interface CheckpointPlace {
  readonly tenant: string;
  readonly core: string;
  readonly key: string;
}

export function pendingEvent(
  place: CheckpointPlace,
  record: CheckpointRecord,
  version: number,
): CheckpointEvent {
  return { row: rowOf(place, record, version), state: JSON.stringify(record) };
}

export function settledEvent(
  place: CheckpointPlace,
  record: CheckpointRecord,
  settlement: CheckpointSettlement,
): CheckpointEvent {
  const row = { ...rowOf(place, record, settlement.version), ...settlement, state_s3_key: null };
  return { row, state: null };
}

function rowOf(
  { tenant, core, key }: CheckpointPlace,
  record: CheckpointRecord,
  version: number,
): CheckpointRow {
  const assignee = assigneeOf(record.assignee);
  return {
    id: record.checkpoint_id,
    version,
    tenant_id: tenant,
    core_id: record.core_name,
    core_version: record.core_version,
    grain_core: core,
    grain_key: key,
    execution_id: record.execution_id,
    flow_name: record.flow_name,
    block_index: record.block_index,
    instance_key: record.instance_key ?? null,
    checkpoint_type: record.checkpoint_type,
    prompt: record.prompt,
    payload: record.payload,
    options: record.options,
    assignee_raw: record.assignee ?? null,
    assignee_type: assignee.type,
    assignee_resolved: assignee.value === null ? null : { type: assignee.type, value: assignee.value },
    hitl_target: record.hitl_target ?? null,
    context: null,
    status: 'pending',
    priority: record.priority ?? 'normal',
    created_at_ms: record.created_at_ms,
    expires_at_ms: record.expires_at_ms ?? null,
    expiry_action: record.on_timeout ?? null,
    escalation_target: null,
    notification_sent: false,
    reminder_count: 0,
    reminder_interval_m: null,
    resolution: null,
    resolved_by: null,
    resolved_at_ms: null,
    state_s3_key: stateKey(tenant, record.checkpoint_id),
  };
}

/** `user:…`, `group:…`, `role:…`; whatever else is nobody that could be told. */
export function assigneeOf(raw: string | undefined): {
  readonly type: AssigneeType;
  readonly value: string | null;
} {
  const [, type, value] = /^(user|group|role):(.+)$/s.exec(raw ?? '') ?? [];
  if (type === undefined || value === undefined) return { type: 'unrouted', value: null };
  return { type: type as AssigneeType, value };
}

/** Of `checkpoints`: what a person needs to decide. */
export function pendingView(record: CheckpointRecord): JsonValue {
  return {
    checkpoint_id: record.checkpoint_id,
    execution_id: record.execution_id,
    flow: record.flow_name,
    type: record.checkpoint_type,
    prompt: record.prompt,
    payload: record.payload,
    options: record.options,
    assignee: record.assignee ?? null,
    priority: record.priority ?? 'normal',
    created_at: new Date(record.created_at_ms).toISOString(),
    expires_at: record.expires_at_ms === undefined ? null : new Date(record.expires_at_ms).toISOString(),
  };
}
