// RedisReminders: due reminders of all partitions, without looking at all of them (hazards.md 17).
// Owns: the hints: for each partition the earliest time at which something may be due, in one slot for the whole cluster.
//   H1. A hint is written before the commit that needs it, and again after it: a partition whose hint is too early costs a
//       look, one whose hint is missing costs lateness.
//   H2. A hint is raised only after a look, in two steps `SECOND_LOOK_MS` apart (due-raise.lua), so a commit between its
//       hint and its arrival is found by the second one.
//   H3. A server that is another one than before may have lost hints: the next look makes them anew, from all partitions.
import { loadScript, PARTITION_COUNT, type RedisKeys, type RedisReply } from '../../../directory/index.ts';
import type { DueReminder, GrainCommit } from '../grain-storage.ts';
import { parseGrainName } from '../stored-keys.ts';
import type { PartitionTable } from './redis-claim.ts';
import { bytesAt } from './redis-head.ts';
import type { RedisRetry } from './redis-retry.ts';
import { textOf } from './redis-values.ts';

const HINT = loadScript(new URL('./scripts/due-hint.lua', import.meta.url));
const LOOK = loadScript(new URL('./scripts/due-look.lua', import.meta.url));
const RAISE = loadScript(new URL('./scripts/due-raise.lua', import.meta.url));

const SECOND_LOOK_MS = 30_000;
const SWEEP_AT_ONCE = 64;

export class RedisReminders {
  readonly #retry: RedisRetry;
  readonly #partitions: PartitionTable;
  readonly #keys: readonly [hints: string, said: string, looked: string];
  #wasUp: boolean;
  /** H3. */
  #isSweepDue = false;

  constructor(retry: RedisRetry, partitions: PartitionTable, keys: RedisKeys) {
    this.#retry = retry;
    this.#partitions = partitions;
    this.#wasUp = retry.client.isUp;
    this.#keys = [keys.shared('due-hints'), keys.shared('due-said'), keys.shared('due-looked')];
  }

  /** H3. Whoever starts finds the hints that are there. */
  serverChanged(): void {
    this.#isSweepDue = this.#wasUp;
    this.#wasUp = true;
  }

  /** H1. Nobody waits for it: where it is lost, so is the commit, or the second one comes. */
  announce(partition: number, { reminders }: GrainCommit): void {
    let earliest = Infinity;
    for (const [, reminder] of reminders) if (reminder) earliest = Math.min(earliest, reminder.dueMs);
    if (earliest !== Infinity) this.#hint(partition, earliest).catch(() => undefined);
  }

  #hint(partition: number, dueMs: number): Promise<RedisReply> {
    return this.#retry.client.run(HINT, this.#keys.slice(0, 2), [partition, dueMs]);
  }

  async due(
    untilWallMs: number,
    limit: number,
    isWanted: (partition: number) => boolean,
  ): Promise<readonly DueReminder[]> {
    const { client } = this.#retry;
    if (this.#isSweepDue) await this.#sweep(isWanted);
    const until = untilWallMs === Infinity ? '+inf' : untilWallMs;
    const found = (await this.#retry.ask(() =>
      client.run(LOOK, this.#keys.slice(0, 2), [until]),
    )) as RedisReply[];
    const looks: Promise<readonly DueReminder[]>[] = [];
    for (let at = 0; at < found.length; at += 2) {
      const partition = Number(textOf(bytesAt(found, at)));
      if (isWanted(partition))
        looks.push(this.#look(partition, textOf(bytesAt(found, at + 1)), until, limit));
    }
    const due = (await Promise.all(looks)).flat();
    return due.sort((left, right) => left.dueMs - right.dueMs).slice(0, limit);
  }

  async #look(
    partition: number,
    said: string,
    until: string | number,
    limit: number,
  ): Promise<readonly DueReminder[]> {
    const { client } = this.#retry;
    const key = this.#partitions.of(partition).due;
    const found = (await this.#retry.ask(() =>
      client.call('ZRANGEBYSCORE', [key, '-inf', until, 'WITHSCORES', 'LIMIT', 0, limit]),
    )) as RedisReply[];
    if (found.length === 0) await this.#raise(partition, said);
    const due: DueReminder[] = [];
    for (let at = 0; at < found.length; at += 2) {
      due.push(readDue(textOf(bytesAt(found, at)), Number(textOf(bytesAt(found, at + 1)))));
    }
    return due;
  }

  /** H2. */
  async #raise(partition: number, said: string): Promise<void> {
    const { client, clock } = this.#retry;
    const next = await this.#earliest(partition);
    const args = [partition, said, next ?? '', clock.wallMs() + SECOND_LOOK_MS];
    await this.#retry.ask(() => client.run(RAISE, this.#keys, args));
  }

  async #earliest(partition: number): Promise<number | undefined> {
    const { client } = this.#retry;
    const { due } = this.#partitions.of(partition);
    const found = (await this.#retry.ask(() =>
      client.call('ZRANGE', [due, 0, 0, 'WITHSCORES']),
    )) as RedisReply[];
    return found.length > 0 ? Number(textOf(bytesAt(found, 1))) : undefined;
  }

  async next(isWanted: (partition: number) => boolean): Promise<number | undefined> {
    const { client } = this.#retry;
    const found = (await this.#retry.ask(() =>
      client.call('ZRANGE', [this.#keys[0], 0, -1, 'WITHSCORES']),
    )) as RedisReply[];
    for (let at = 0; at < found.length; at += 2) {
      if (isWanted(Number(textOf(bytesAt(found, at))))) return Number(textOf(bytesAt(found, at + 1)));
    }
    return undefined;
  }

  /** H3. */
  async #sweep(isWanted: (partition: number) => boolean): Promise<void> {
    this.#isSweepDue = false;
    try {
      await this.#hintAll(isWanted);
    } catch (error) {
      this.#isSweepDue = true;
      throw error;
    }
  }

  async #hintAll(isWanted: (partition: number) => boolean): Promise<void> {
    const wanted = Array.from({ length: PARTITION_COUNT }, (_, at) => at).filter(isWanted);
    for (let from = 0; from < wanted.length; from += SWEEP_AT_ONCE) {
      await Promise.all(
        wanted.slice(from, from + SWEEP_AT_ONCE).map(async (partition) => {
          const dueMs = await this.#earliest(partition);
          if (dueMs !== undefined) await this.#retry.ask(() => this.#hint(partition, dueMs));
        }),
      );
    }
  }
}

/** The third NUL ends the grain's name; names of reminders may hold more of them. */
function readDue(member: string, dueMs: number): DueReminder {
  const end = member.indexOf('\u0000', member.indexOf('\u0000', member.indexOf('\u0000') + 1) + 1);
  return { grain: parseGrainName(member.slice(0, end)), name: member.slice(end + 1), dueMs };
}
