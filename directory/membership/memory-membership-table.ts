import type { Clock } from '../../lib/index.ts';
import type { ChangeOutcome, MembershipTable, MembershipView, ViewVersion } from './membership-view.ts';

/** The record of clusters that live in one process: tests, and the simulator's oracle. */
export class MemoryMembershipTable implements MembershipTable {
  /** Set by tests: to undefined, to an older one, to another generation. */
  record: MembershipView | undefined;
  readonly #clock: Clock;
  /** When each vote ends, by target and voter. */
  readonly #votes = new Map<string, number>();

  constructor(clock: Clock, record?: MembershipView) {
    this.#clock = clock;
    this.record = record;
  }

  async read(): Promise<MembershipView | undefined> {
    return Promise.resolve(this.record);
  }

  async version(): Promise<ViewVersion | undefined> {
    if (!this.record) return Promise.resolve(undefined);
    const { number, generation, stamp } = this.record;
    return Promise.resolve({ number, generation, stamp });
  }

  async change(next: MembershipView, base: ViewVersion): Promise<ChangeOutcome> {
    const found = this.record;
    if (found?.generation !== base.generation) return Promise.resolve({ kind: 'lost', found });
    const isSame = found.number === base.number && found.stamp === base.stamp;
    if (!isSame) return Promise.resolve({ kind: 'conflict', view: found });
    this.record = next;
    return Promise.resolve({ kind: 'changed', view: next });
  }

  async vote(
    target: string,
    voter: string,
    electorate: readonly string[],
    ttlMs: number,
  ): Promise<readonly string[]> {
    const nowMs = this.#clock.nowMs();
    for (const [key, endMs] of this.#votes) if (endMs <= nowMs) this.#votes.delete(key);
    this.#votes.set(`${target} ${voter}`, nowMs + ttlMs);
    return Promise.resolve(electorate.filter((each) => this.#votes.has(`${target} ${each}`)));
  }
}
