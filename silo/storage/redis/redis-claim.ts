// RedisClaim: one activation's right to commit, and what the driver has to know of the grain to write only changes.
import { type Claimer, type GrainAddress, partitionOf, type RedisKeys } from '../../../directory/index.ts';
import type { GrainId } from '../../../lib/index.ts';
import type { Claim, CommitOutcome } from '../grain-storage.ts';
import { grainName } from '../stored-keys.ts';
import type { PendingCommit } from './redis-commits.ts';

/** Keys that all grains of a partition share. */
export interface PartitionKeys {
  readonly generation: string;
  readonly grains: string;
  readonly due: string;
  readonly outbox: string;
  readonly outboxTaken: string;
}

/** Names of keys, made once per partition. */
export class PartitionTable {
  readonly keys: RedisKeys;
  readonly #partitions: (PartitionKeys | undefined)[] = [];

  constructor(keys: RedisKeys) {
    this.keys = keys;
  }

  of(partition: number): PartitionKeys {
    return (this.#partitions[partition] ??= {
      generation: this.keys.generation(partition),
      grains: `${this.keys.partition(partition)}:grains`,
      due: this.keys.reminders(partition),
      outbox: this.keys.outbox(partition),
      outboxTaken: `${this.keys.outbox(partition)}:taken`,
    });
  }
}

export function ownerText(
  { incarnation, activation }: Pick<Claimer, 'incarnation' | 'activation'>,
  view: number,
): string {
  return `${incarnation}:${activation}:${view}`;
}

const NO_NAMES: readonly string[] = [];

export class RedisClaim implements Claim {
  readonly address: GrainAddress;
  /**
   * What the head must say: its owner and its epoch. The owner alone is not enough: a claim that was asked for twice may
   * arrive again when its activation has ended, and make it the owner once more, counting its commits from 0.
   */
  readonly fence: string;
  readonly partition: number;
  /** The keys of a commit that only sets fields of the head. */
  readonly keys: readonly [head: string, generation: string];

  // ---- What is stored, or may be: `forgetStored` makes the next commit say everything ----
  /** Schema in the head; -1 = not known. */
  schema = -1;
  /** Value fields that were there when the grain was claimed. */
  loadedNames: readonly string[] = NO_NAMES;
  /** Names of the last commit that had values, and the same as the head spells them. */
  fieldNames: readonly string[] = NO_NAMES;
  headNames: readonly string[] = NO_NAMES;
  /** Whether the partition's list of grains has this one. */
  isListed = false;
  /** Fields of the head that nobody needs any more: deleted with the next commit. */
  outdated: readonly string[] | undefined;
  /** Remembered commands, oldest first, by their order. */
  commands: Map<string, number> | undefined;
  lastCommand = 0;

  // ---- Commits: redis-commits.ts ----
  /** The last commit that somebody was told `done` for, and the last that was handed over. */
  stored = 0;
  accepted = 0;
  /** Handed over and not told, in order. */
  readonly queue: PendingCommit[] = [];
  /** Calls of which no reply came yet. */
  flying = 0;
  /** Since when (monotonic) something has to be asked again; undefined = nothing. */
  troubledMs: number | undefined;
  /** Whether something failed since that was asked again last. */
  isFailing = false;
  /** How an earlier commit failed: all behind it fail so, too (S6). */
  broken: CommitOutcome | undefined;
  /** How every further commit ends: the claim owns nothing any more. */
  ended: CommitOutcome | undefined;

  constructor(address: GrainAddress, partitions: PartitionTable) {
    this.address = address;
    this.fence = `${ownerText(address, address.view)}:${address.epoch}`;
    this.partition = partitionOf(address.grain);
    this.keys = [partitions.keys.head(address.grain), partitions.of(this.partition).generation];
  }

  get head(): string {
    return this.keys[0];
  }

  get grain(): GrainId {
    return this.address.grain;
  }

  get name(): string {
    return grainName(this.address.grain);
  }

  /** After a failure: nothing of what was handed over can be counted on. */
  forgetStored(): void {
    this.schema = -1;
    this.isListed = false;
    this.loadedNames = [...new Set([...this.loadedNames, ...this.fieldNames])];
    this.fieldNames = NO_NAMES;
    this.headNames = NO_NAMES;
  }
}
