// What the engine sees while a program is loaded: what it can have is looked at, and nothing is done.
import type { Clock, Rng } from '../../lib/index.ts';
import type { CheckpointBackend, HostEnvironment, MemoryBackend } from '../../lib/lang/index.ts';

function never(): never {
  throw new TypeError('a program that is being loaded asked for something to be done');
}

const clock: Clock = { nowMs: never, wallMs: never, setTimer: never, defer: never };
const rng: Rng = { next: never, hex: never };
const memory: MemoryBackend = {
  read: never,
  write: never,
  get: never,
  set: never,
  delete: never,
  add: never,
  last: never,
  list: never,
};
const checkpoints: CheckpointBackend = { save: never, load: never, take: never };

export const LOADING: HostEnvironment = Object.freeze({
  clock,
  rng,
  memory,
  checkpoints,
  // Each turn brings its own; there is one always.
  dispatcher: { call: never, start: never, wait: never },
});
