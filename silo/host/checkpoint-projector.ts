// The Core behind a program that may suspend, `<Name>.projector`: brings what its grains committed to the checkpoint store.
// One for each program, because a listening Core has one reader in the cluster, which has to know all of its sources.
//   J1. At least once, and idempotent: rows by their version, blobs by their key (silo/checkpoints, S1).
import { type AnyCore, stateless } from '../../lib/index.ts';
import type { IRModule } from '../../lib/lang/index.ts';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.ts';
import { stateKey } from '../checkpoints/checkpoint-keys.ts';
import { turnFactsOf } from '../catalog/turn-facts.ts';
import { buildCore } from './build-core.ts';
import { executionsOf, projectorOf } from './core-names.ts';
import { internalOnly } from './flow-rules.ts';
import { CHECKPOINT_EVENT, type CheckpointEvent } from './stored-checkpoint.ts';

const PROJECT_FLOW = 'project';

export function projectorCore(module: IRModule, store: CheckpointStore): AnyCore {
  const sources = [module.name, executionsOf(module.name)];
  const plan = {
    module,
    name: projectorOf(module.name),
    instance: stateless(),
    memory: {},
    flows: {
      [PROJECT_FLOW]: {
        run: async (ctx: object, input: unknown): Promise<null> => {
          if (!turnFactsOf(ctx).isFromWithin) throw internalOnly(PROJECT_FLOW);
          await project(store, input as CheckpointEvent);
          return null;
        },
      },
    },
    on: Object.fromEntries(sources.map((source) => [`core://${source}/${CHECKPOINT_EVENT}`, PROJECT_FLOW])),
    events: {},
  };
  return buildCore(plan, { isInternal: true });
}

async function project(store: CheckpointStore, { row, state }: CheckpointEvent): Promise<void> {
  const key = stateKey(row.tenant_id, row.id);
  // The blob first: a row that names it must find it.
  if (state !== null) await store.putBlob(key, new TextEncoder().encode(state));
  const outcome = await store.put(row);
  // Ended, or known to be: what may have come late is taken away again.
  if (state === null || outcome === 'stale') {
    const stored = outcome === 'stale' ? await store.get(row.id) : row;
    if (stored?.status !== 'pending') await store.deleteBlob(key);
  }
}
