import type { StoredMark, StoredReminder } from '../storage/grain-storage.ts';
import type { CommandMemory } from './commands.ts';
import type { TimerNode } from './timer-node.ts';

/** What only some activations have. Kept apart so that the others do not pay for it. */
export class GrainExtras {
  marks: Map<string, StoredMark> | undefined = undefined;
  commands: CommandMemory | undefined = undefined;
  reminders: Map<string, StoredReminder> | undefined = undefined;
  timers: Map<string, TimerNode> | undefined = undefined;
  /** Sources with an event that runs now: events of one source run one at a time. */
  runningSources: Set<string> | undefined = undefined;
  /** Number of the last emission. */
  emitted = 0;
  emissionEpoch = 0;
  /** Value positions changed by `volatile` flows: they ride with the next commit, or with deactivation. */
  readonly dirtyValues = new Set<number>();
  readonly dirtyMarks = new Map<string, StoredMark>();
}
