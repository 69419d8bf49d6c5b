// SessionJudge: whether the session of another silo is over. For the membership service.
// Owns: which lock nodes can be trusted to show an absence. Does not own: what follows from it.
//   J1. `lapsed` means: at a moment after the question was asked, that silo did not hold its session. It may have regained it
//       since: only a tombstone, or a view, ends an incarnation.
//   J2. An absence counts only on a node with which our connection has stood for a TTL without an interruption, a change of
//       the server or an unanswered look: after a restart or failover every silo first gets the time to renew (hazards.md 5).
//   J3. It has to be seen twice, on the same majority of nodes, the second time after all of the first. Looks at several nodes
//       are not one moment: a silo that renews here and there between them would seem gone everywhere. And renewals that
//       queued up before the first look, while a node stood still, are done by the second.
//   J4. Who was paused itself judges nobody for a TTL: what kept it from renewing may have kept the others.
// Every time is on our own monotonic clock.
import type { Clock } from '../../lib/index.ts';
import type { Lease } from './lease.ts';
import { type LockNode, majorityOf, type Sighting } from './lock-node.ts';
import type { SessionTiming } from './session-timing.ts';

/** `dead`: a tombstone stands on a majority. `unknown`: ask again later, or find out by other means. */
export type Verdict = 'lapsed' | 'alive' | 'dead' | 'unknown';

export interface SessionJudgeOptions {
  readonly nodes: readonly LockNode[];
  readonly clock: Clock;
  readonly timing: SessionTiming;
  /** The session of the judge, where it has one (J4). */
  readonly session?: Lease;
}

interface JudgedNode {
  readonly node: LockNode;
  /** When it was last found to be interrupted; at first, when we began to watch it. */
  disturbedMs: number;
}

export class SessionJudge {
  readonly #nodes: readonly JudgedNode[];
  readonly #majority: number;
  readonly #clock: Clock;
  readonly #timing: SessionTiming;
  readonly #session: Lease | undefined;
  readonly #endings: readonly (() => void)[];

  constructor({ nodes, clock, timing, session }: SessionJudgeOptions) {
    const nowMs = clock.nowMs();
    this.#nodes = nodes.map((node) => ({ node, disturbedMs: nowMs }));
    this.#majority = majorityOf(nodes);
    this.#clock = clock;
    this.#timing = timing;
    this.#session = session;
    this.#endings = [
      ...this.#nodes.map((judged) => judged.node.onEvent(() => this.#disturb(judged))),
      ...(session ? [session.onRegained(() => this.#nodes.forEach((judged) => this.#disturb(judged)))] : []),
    ];
  }

  /** How long after `bury` answered true the buried silo may still start turns, on the monotonic clock of who waits. */
  get exclusiveWaitMs(): number {
    return this.#timing.exclusiveWaitMs;
  }

  /** Takes two round trips to each lock node, and at most two fifths of a TTL. Never rejects. */
  async hasLapsed(incarnation: string): Promise<Verdict> {
    const askedMs = this.#clock.nowMs();
    const first = await this.#lookAll(incarnation);
    const verdict = this.#verdictOf(first);
    if (verdict !== 'lapsed') return verdict;
    const second = await this.#lookAll(incarnation);
    const again = this.#verdictOf(second.map((seen, at) => (first[at] === 'absent' ? seen : undefined)));
    // Later than that, a session that lived between the looks could be gone again.
    const isInTime = this.#clock.nowMs() - askedMs <= this.#timing.ttlMs / 2;
    return again === 'lapsed' && isInTime ? 'lapsed' : this.#verdictOf(second, 'unknown');
  }

  /**
   * Tombstones on a majority of the lock nodes: true when they stand, so that no renewal succeeds any more. False: perhaps
   * some do; bury again. Never rejects.
   */
  async bury(incarnation: string): Promise<boolean> {
    const tombstones = this.#nodes.map(async ({ node }) => {
      await node.tombstone(incarnation);
      return true;
    });
    const done = await this.#within(this.#timing.ttlMs, tombstones, this.#majority);
    return done.filter((isDone) => isDone === true).length >= this.#majority;
  }

  /** Watches the lock nodes no more. */
  close(): void {
    for (const end of this.#endings) end();
  }

  /** What each node shows; undefined where there was no answer, or an absence that proves nothing. */
  async #lookAll(incarnation: string): Promise<readonly (Sighting | undefined)[]> {
    const looks = this.#nodes.map(({ node }) => node.look(incarnation));
    const found = await this.#within(this.#timing.renewEveryMs, looks, looks.length);
    const nowMs = this.#clock.nowMs();
    const isPaused = this.#session !== undefined && nowMs >= this.#session.untilMs;
    return this.#nodes.map((judged, at) => {
      const seen = found[at];
      if (seen === undefined) this.#disturb(judged);
      if (seen !== 'absent') return seen;
      // Compared after the answer: an interruption since the question counts as well.
      const isSteady = judged.node.isUp && nowMs - judged.disturbedMs >= this.#timing.exclusiveWaitMs;
      return isSteady && !isPaused ? 'absent' : undefined;
    });
  }

  #verdictOf(seen: readonly (Sighting | undefined)[], absent: 'lapsed' | 'unknown' = 'lapsed'): Verdict {
    const count = (wanted: Sighting): number => seen.filter((sighting) => sighting === wanted).length;
    if (count('dead') >= this.#majority) return 'dead';
    if (count('alive') >= this.#majority) return 'alive';
    return count('absent') >= this.#majority ? absent : 'unknown';
  }

  #disturb(judged: JudgedNode): void {
    judged.disturbedMs = this.#clock.nowMs();
  }

  /** The answers that came within the time, in order; undefined for the others. Comes as soon as `enough` are there. */
  #within<T>(ms: number, asked: readonly Promise<T>[], enough: number): Promise<readonly (T | undefined)[]> {
    return new Promise((resolve) => {
      const found = new Array<T | undefined>(asked.length).fill(undefined);
      let answered = 0;
      let settled = 0;
      const finish = (): void => {
        timer.cancel();
        resolve([...found]);
      };
      const timer = this.#clock.setTimer(ms, finish);
      asked.forEach((promise, at) => {
        const settle = (): void => {
          settled += 1;
          if (answered >= enough || settled === asked.length) finish();
        };
        promise.then(
          (answer) => {
            found[at] = answer;
            answered += 1;
            settle();
          },
          () => settle(),
        );
      });
    });
  }
}
