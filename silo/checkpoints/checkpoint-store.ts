// CheckpointStore: rows about suspended executions, for people who look for them, and their states as blobs.
// Both are a projection (hazards.md 22): the checkpoint itself is a field of its grain's commit, and only the grain
// decides whether it can be resumed. So a store may lag, never lead.
//   S1. A row only ever goes to a higher version: what arrives twice, or late, changes nothing.
//   S2. What `put` and `putBlob` answered survives a crash, as far as the driver is durable at all.
//   S3. Rows are listed in order of their creation, each once, however many arrive between two pages.
import type { JsonValue } from '../../lib/lang/index.ts';

export type CheckpointStatus = 'pending' | 'resolved' | 'expired' | 'cancelled';
export type AssigneeType = 'user' | 'group' | 'role' | 'delegated_user' | 'unrouted';

/** One checkpoint, with the names of the specification (7.6). What nobody knows is null. */
export interface CheckpointRow {
  readonly id: string;
  /** Grows with each change that the grain committed. */
  readonly version: number;
  readonly tenant_id: string;
  /** The program's name. */
  readonly core_id: string;
  readonly core_version: string;
  /** The grain that keeps the checkpoint: where it has to be resumed. */
  readonly grain_core: string;
  readonly grain_key: string;
  readonly execution_id: string;
  readonly flow_name: string;
  readonly block_index: number;
  readonly instance_key: string | null;
  readonly checkpoint_type: string;
  readonly prompt: string;
  readonly payload: JsonValue;
  readonly options: readonly string[];
  readonly assignee_raw: string | null;
  readonly assignee_type: AssigneeType;
  readonly assignee_resolved: JsonValue;
  readonly hitl_target: JsonValue;
  readonly context: JsonValue;
  readonly status: CheckpointStatus;
  readonly priority: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number | null;
  readonly expiry_action: string | null;
  readonly escalation_target: string | null;
  readonly notification_sent: boolean;
  readonly reminder_count: number;
  readonly reminder_interval_m: number | null;
  readonly resolution: JsonValue;
  readonly resolved_by: string | null;
  readonly resolved_at_ms: number | null;
  /** Key of the blob with the state; null when there is none (any more). */
  readonly state_s3_key: string | null;
}

/** How a checkpoint ended. */
export interface CheckpointSettlement {
  readonly status: Exclude<CheckpointStatus, 'pending'>;
  readonly version: number;
  readonly resolution: JsonValue;
  readonly resolved_by: string | null;
  readonly resolved_at_ms: number;
}

export interface CheckpointQuery {
  readonly tenant: string;
  /** The program's name. @default all */
  readonly core?: string | undefined;
  /** @default all */
  readonly status?: CheckpointStatus | undefined;
  /** 1 to 500. @default 50 */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface CheckpointPage {
  readonly rows: readonly CheckpointRow[];
  /** Undefined on the last page. */
  readonly cursor: string | undefined;
}

export interface CheckpointStore {
  /** Stores the row, unless one of the same or a higher version is there. */
  put(row: CheckpointRow): Promise<'stored' | 'stale'>;
  /** Ends a row that is there. `stale`: it has this version already, or a higher one. */
  settle(id: string, settlement: CheckpointSettlement): Promise<'stored' | 'stale' | 'unknown'>;
  get(id: string): Promise<CheckpointRow | undefined>;
  /** @throws ERR_CURSOR_INVALID */
  list(query: CheckpointQuery): Promise<CheckpointPage>;
  /** Keys are parts of letters, digits, `.`, `_` and `-` with `/` between. @throws ERR_KEY_INVALID */
  putBlob(key: string, bytes: Uint8Array): Promise<void>;
  getBlob(key: string): Promise<Uint8Array | undefined>;
  /** Deleting what is not there is done, too. */
  deleteBlob(key: string): Promise<void>;
  close(): Promise<void>;
}
