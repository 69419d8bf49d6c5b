// Resuming by the id alone, for those who found the checkpoint in the store: the row says which grain has it.
import { GrainError, type LooseRef } from '../../lib/index.ts';
import type { JsonValue } from '../../lib/lang/index.ts';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.ts';
import type { ClusterClient } from '../cluster-client.ts';

export interface Resolution {
  readonly checkpointId: string;
  readonly resolution: Readonly<Record<string, JsonValue>>;
  readonly tenant: string;
  /** Who decided. */
  readonly principal: string;
  /** Makes a retry safe. */
  readonly commandId?: string;
}

/**
 * Gives what the resumed flow gives: its output, or the next SUSPENDED reply.
 * @throws ERR_CHECKPOINT_UNKNOWN also for a checkpoint of another tenant, and for one whose row is not written yet
 */
export async function resumeCheckpoint(
  cluster: Pick<ClusterClient, 'ref'>,
  store: Pick<CheckpointStore, 'get'>,
  { checkpointId, resolution, tenant, principal, commandId }: Resolution,
): Promise<unknown> {
  const row = await store.get(checkpointId);
  if (row?.tenant_id !== tenant)
    throw new GrainError('ERR_CHECKPOINT_UNKNOWN', { checkpoint_id: checkpointId });
  const ref = cluster.ref(row.grain_core, row.grain_key, { tenant, principal }) as unknown as LooseRef;
  const options = commandId === undefined ? {} : { commandId };
  return await ref['resume']?.({ checkpoint_id: checkpointId, resolution }, options);
}
