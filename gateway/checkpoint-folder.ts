// Where the all-in-one host tells people of suspended executions: beside its store, or nowhere that outlives the process.
import path from 'node:path';
import {
  type CheckpointStore,
  LazyCheckpointStore,
  MemoryCheckpointStore,
  openSqliteCheckpointStore,
} from '../silo/index.ts';
import { IN_MEMORY } from './host-storage.ts';

const FOLDER = 'checkpoints';

export function openCheckpoints(data: string): CheckpointStore {
  if (data === IN_MEMORY) return new MemoryCheckpointStore();
  return new LazyCheckpointStore(() => openSqliteCheckpointStore(path.join(data, FOLDER)));
}
