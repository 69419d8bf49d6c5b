// What a stream of events remembers between processes, in one small file.
//   J1. It is replaced whole, and is on disk when `save` resolves: a session never has events that its file knows nothing
//       of, also after a loss of power.
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { GrainError } from '../../../lib/index.ts';
import type { StreamPosition } from '../../client/node.ts';

export interface Refusal {
  readonly line: number;
  readonly code: string;
  readonly message: string;
  /** `unknown`: it may have taken effect. */
  readonly effect: 'none' | 'unknown';
}

export interface JobState {
  /** Undefined before the first connection. */
  readonly position?: StreamPosition | undefined;
  /** Events of earlier sessions: number `seq` of this one is event `base + seq` of the input. */
  readonly base: number;
  readonly refusals: readonly Refusal[];
  /** More than are listed. */
  readonly refusalCount: number;
  /** How far the input goes that was sent completely, in events; undefined while there is something left. */
  readonly finishedAt?: number | undefined;
  /** What the owner of the job remembers besides. */
  readonly notes?: Readonly<Record<string, unknown>> | undefined;
}

export const EMPTY_STATE: JobState = { base: 0, refusals: [], refusalCount: 0 };

/** @throws ERR_FILE_UNREADABLE */
export async function loadState(file: string): Promise<JobState | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(file, thrown);
  }
  try {
    return JSON.parse(text) as JobState;
  } catch (thrown) {
    throw unreadable(file, thrown);
  }
}

export async function saveState(file: string, state: JobState): Promise<void> {
  const draft = `${file}.draft`;
  await mkdir(path.dirname(file), { recursive: true });
  const handle = await open(draft, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(state));
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}

export async function forgetState(file: string): Promise<void> {
  await rm(file, { force: true });
}

function unreadable(file: string, thrown: unknown): GrainError {
  const problem = thrown instanceof Error ? thrown.message : String(thrown);
  const message = `the state file ${file} cannot be read: ${problem}`;
  return new GrainError('ERR_FILE_UNREADABLE', { message, file }, { cause: thrown });
}
