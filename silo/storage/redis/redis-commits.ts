// RedisCommits: every commit from hand-over to outcome.
// Owns: what is in flight, what has to be asked again, who is told what and in which order (S4, S6).
//   C1. A commit is sent when it is handed over, one script call each, in the order of its numbers. It is asked again only
//       unchanged, and only when nothing of its activation is in flight any more, again in order (hazards.md 2).
//   C2. Outcomes of a claim are told in the order of hand-over: `queue` holds what is not told yet.
//   C3. `stored` is the greatest number that somebody was told `done` for. A store that has less, or a lower epoch than
//       the claim's, lost what it had acknowledged: the claim ends with ERR_STORE_LOST (architecture.md, P1).
//   C4. After a commit failed, everything handed over behind it fails with it; then numbers go back to `stored`.
import { loadScript, type RedisClient, type RedisReply } from '../../../directory/index.ts';
import { backoffMs, type Clock, GrainError, type Logger, type TimerHandle } from '../../../lib/index.ts';
import { commitProblem } from '../commit-check.ts';
import type { CommitOutcome, GrainCommit } from '../grain-storage.ts';
import { addendProblem, type CommitCall, commitCall } from './commit-call.ts';
import type { PartitionTable, RedisClaim } from './redis-claim.ts';
import { type ConfirmOptions, RedisConfirmation } from './redis-confirmation.ts';
import { isPassing, lastingError, mayHaveRun, silentError } from './redis-errors.ts';
import { bytesAt } from './redis-head.ts';
import { RETRY_BACKOFF } from './redis-retry.ts';
import { textOf } from './redis-values.ts';

const COMMIT = loadScript(new URL('./scripts/commit.lua', import.meta.url));

type Done = (outcome: CommitOutcome) => void;

export interface PendingCommit {
  readonly claim: RedisClaim;
  readonly number: number;
  readonly done: Done;
  readonly call: CommitCall | undefined;
  /** Only of commits that somebody else hears of, too: those with reminders, emissions, or that forget. */
  readonly extras: GrainCommit | undefined;
  outcome: CommitOutcome | undefined;
  mayHaveRun: boolean;
  lastError: unknown;
}

export interface CommitsOptions {
  readonly client: RedisClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly partitions: PartitionTable;
  readonly generation: () => string;
  /** How long an outcome may stay unknown. */
  readonly limitMs: number;
  /** Acknowledged only when so many replicas have it, or never (WAIT). */
  readonly confirm: ConfirmOptions | undefined;
  /** Before a commit with extras is sent, and after it is stored; `outboxEnd` as commit.lua answers it. */
  readonly beforeSend: (claim: RedisClaim, commit: GrainCommit) => void;
  readonly afterStored: (claim: RedisClaim, commit: GrainCommit, outboxEnd: number) => void;
}

const DONE: CommitOutcome = Object.freeze({ kind: 'done' });
export const FENCED: CommitOutcome = Object.freeze({ kind: 'fenced' });

export class RedisCommits {
  readonly #options: CommitsOptions;
  readonly #client: RedisClient;
  readonly #clock: Clock;
  /** How many claims of a grain have something in their queue, by its head; and who waits for none to have (S5, R4). */
  readonly #busy = new Map<string, number>();
  readonly #waiters = new Map<string, (() => void)[]>();
  /** Claims with something to ask again. */
  readonly #troubled = new Set<RedisClaim>();
  #timer: TimerHandle | undefined;
  #failures = 0;
  readonly #confirmation: RedisConfirmation | undefined;
  lostWrites = 0;

  constructor(options: CommitsOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#clock = options.clock;
    const { client, confirm } = options;
    this.#confirmation =
      confirm && new RedisConfirmation({ ...confirm, client, told: (...told) => this.#confirmed(...told) });
  }

  // ---- Hand-over ----

  submit(claim: RedisClaim, commit: GrainCommit, done: Done): void {
    const { number } = commit;
    const { queue } = claim;
    if (claim.ended) return this.decide(claim, number, done, claim.ended);
    if (queue.length > 0 && number > claim.accepted + 1) {
      return this.decide(claim, number, done, { kind: 'gap', stored: claim.stored });
    }
    const problem = commitProblem(commit) ?? addendProblem(commit);
    if (problem) return this.decide(claim, number, done, { kind: 'failed', error: problem });
    const { partitions, generation } = this.#options;
    const hasExtras = commit.emissions.length + commit.reminders.length > 0 || commit.forget;
    const pending: PendingCommit = {
      claim,
      number,
      done,
      call: commitCall(claim, commit, generation(), partitions),
      extras: hasExtras ? commit : undefined,
      outcome: undefined,
      mayHaveRun: false,
      lastError: undefined,
    };
    this.#enqueue(pending);
    if (number > claim.accepted) claim.accepted = number;
    if (claim.troubledMs === undefined && claim.broken === undefined) this.#send(pending);
  }

  /** C2. */
  decide(claim: RedisClaim, number: number, done: Done, outcome: CommitOutcome): void {
    const rest = { call: undefined, extras: undefined, mayHaveRun: false, lastError: undefined };
    this.#enqueue({ claim, number, done, outcome, ...rest });
    if (claim.queue.length === 1) queueMicrotask(() => this.#tell(claim));
  }

  #enqueue(pending: PendingCommit): void {
    const { claim } = pending;
    if (claim.queue.length === 0) this.#busy.set(claim.head, (this.#busy.get(claim.head) ?? 0) + 1);
    claim.queue.push(pending);
  }

  #send(pending: PendingCommit): void {
    const { call, claim } = pending;
    if (!call) return;
    if (pending.extras) this.#options.beforeSend(claim, pending.extras);
    claim.flying += 1;
    this.#client.run(COMMIT, call.keys, call.args).then(
      (reply) => this.#replied(pending, reply),
      (error: unknown) => this.#failed(pending, error),
    );
  }

  // ---- Answers ----

  #replied(pending: PendingCommit, reply: RedisReply): void {
    const { claim } = pending;
    claim.flying -= 1;
    if (pending.outcome === undefined) {
      if (typeof reply === 'number') this.#stored(pending, reply);
      else if (Array.isArray(reply)) this.#refused(pending, reply as readonly RedisReply[]);
      else this.#failed(pending, new Error('commit.lua gave an answer of no known shape'));
    }
    this.#tell(claim);
  }

  #stored(pending: PendingCommit, outboxEnd: number): void {
    const { claim, extras } = pending;
    if (extras) this.#options.afterStored(claim, extras, outboxEnd);
    this.#storedForNow(pending);
  }

  #storedForNow(pending: PendingCommit): void {
    if (!this.#confirmation) return this.#acknowledge(pending);
    pending.claim.flying += 1;
    this.#confirmation.add(pending);
  }

  #acknowledge(pending: PendingCommit): void {
    const { claim, number } = pending;
    pending.outcome = DONE;
    if (number > claim.stored) claim.stored = number;
    // What was stored before it in order, though its own answer got lost.
    const { queue } = claim;
    for (let at = 0; at < queue.length && queue[at] !== pending; at += 1) {
      const earlier = queue[at];
      if (earlier?.outcome === undefined && earlier && earlier.number <= number) earlier.outcome = DONE;
    }
  }

  #refused(pending: PendingCommit, reply: readonly RedisReply[]): void {
    const { claim } = pending;
    const number = (at: number): number => Number(textOf(bytesAt(reply, at)));
    switch (textOf(bytesAt(reply, 0))) {
      case 'done':
        if (pending.extras) this.#options.afterStored(claim, pending.extras, 0);
        return this.#storedForNow(pending);
      case 'gap':
        return this.#gap(pending, number(1));
      case 'fenced': {
        const epoch = number(1);
        // With our own epoch somebody else owns it: the store gave that number out twice.
        const isTwice = epoch === claim.address.epoch && bytesAt(reply, 2).length > 0;
        if (epoch < claim.address.epoch || isTwice) return this.#lost(pending, `its epoch is ${epoch}`);
        pending.outcome = FENCED;
        claim.ended = FENCED;
        return;
      }
      case 'lost':
        return this.#lost(pending, 'the partition is of another generation, or of none');
      case 'invalid': {
        const message = 'a commit adds to an entry that is no number, or beyond all numbers';
        return this.#break(pending, new GrainError('ERR_VALUE_INVALID', { message }));
      }
      default:
        return this.#break(pending, lastingError(new Error('commit.lua gave an unknown answer')));
    }
  }

  #gap(pending: PendingCommit, stored: number): void {
    const { claim } = pending;
    if (stored < claim.stored)
      return this.#lost(pending, `commit ${claim.stored} was done, ${stored} is stored`);
    if (claim.broken) return;
    const isFirst = claim.queue.find(({ outcome }) => outcome === undefined) === pending;
    if (claim.troubledMs === undefined && isFirst) {
      pending.outcome = { kind: 'gap', stored };
      claim.stored = stored;
      claim.accepted = stored;
    } else this.#trouble(claim);
  }

  /** C3. */
  #lost(pending: PendingCommit, message: string): void {
    const { claim } = pending;
    if (claim.ended?.kind === 'failed') {
      pending.outcome = claim.ended;
      return;
    }
    const { grain, epoch } = claim.address;
    this.lostWrites += 1;
    this.#options.log.error({ grain, epoch, message }, 'store.lost_writes');
    const error = new GrainError('ERR_STORE_LOST', { message: `Redis lost acknowledged writes: ${message}` });
    claim.ended = { kind: 'failed', error };
    pending.outcome = claim.ended;
    this.#breakRest(claim, claim.ended);
  }

  #failed(pending: PendingCommit, error: unknown): void {
    const { claim } = pending;
    claim.flying -= 1;
    pending.mayHaveRun ||= mayHaveRun(error);
    pending.lastError = error;
    if (pending.outcome === undefined) {
      if (isPassing(error)) this.#trouble(claim);
      else this.#break(pending, lastingError(error));
    }
    this.#tell(claim);
  }

  /** C4. */
  #break(pending: PendingCommit, error: GrainError): void {
    const outcome: CommitOutcome = { kind: 'failed', error };
    pending.outcome = outcome;
    this.#breakRest(pending.claim, outcome);
  }

  #breakRest(claim: RedisClaim, outcome: CommitOutcome): void {
    claim.broken ??= outcome;
    this.#untrouble(claim);
  }

  #tell(claim: RedisClaim): void {
    const { queue } = claim;
    if (claim.flying === 0 && claim.broken) {
      for (const pending of queue) pending.outcome ??= claim.broken;
    }
    while (queue.length > 0) {
      const first = queue[0];
      if (first?.outcome === undefined) break;
      queue.shift();
      if (queue.length === 0) this.#settle(claim);
      first.done(first.outcome);
    }
    if (queue.length === 0 || claim.flying > 0 || claim.troubledMs === undefined) return;
    if (claim.isFailing) return this.#askAgainLater();
    // All that was asked again has its answer; what came meanwhile goes on as ever.
    this.#untrouble(claim);
    for (const pending of queue) if (pending.outcome === undefined) this.#send(pending);
  }

  #settle(claim: RedisClaim): void {
    if (claim.broken) {
      claim.broken = undefined;
      claim.accepted = claim.stored;
      claim.forgetStored();
    }
    this.#untrouble(claim);
    const { head } = claim;
    const left = (this.#busy.get(head) ?? 1) - 1;
    if (left > 0) {
      this.#busy.set(head, left);
      return;
    }
    this.#busy.delete(head);
    if (this.#waiters.size === 0) return;
    const waiters = this.#waiters.get(head);
    this.#waiters.delete(head);
    for (const resolve of waiters ?? []) resolve();
  }

  /** Resolves when nothing of the grain is on its way; undefined when that is so. */
  settled(head: string): Promise<void> | undefined {
    return this.#busy.has(head) ? this.#whenSettled(head) : undefined;
  }

  async #whenSettled(head: string): Promise<void> {
    while (this.#busy.has(head)) {
      await new Promise<void>((resolve) => {
        const waiters = this.#waiters.get(head);
        if (waiters) waiters.push(resolve);
        else this.#waiters.set(head, [resolve]);
      });
    }
  }

  /** Resolves when nothing at all is on its way. */
  async idle(): Promise<void> {
    for (const head of this.#busy.keys()) await this.#whenSettled(head);
    if (this.#busy.size > 0) await this.idle();
  }

  // ---- Asking again ----

  #trouble(claim: RedisClaim): void {
    if (claim.broken) return;
    claim.troubledMs ??= this.#clock.nowMs();
    claim.isFailing = true;
    this.#troubled.add(claim);
  }

  #untrouble(claim: RedisClaim): void {
    if (claim.troubledMs === undefined) return;
    claim.troubledMs = undefined;
    this.#troubled.delete(claim);
    if (this.#troubled.size === 0) this.#failures = 0;
  }

  #askAgainLater(): void {
    if (this.#timer) return;
    this.#failures += 1;
    this.#timer = this.#clock.setTimer(backoffMs(this.#failures, RETRY_BACKOFF), () => this.wake());
  }

  /** Asks again what waits for it. Also when the connection is up again. */
  wake(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const claim of [...this.#troubled]) {
      if (claim.flying === 0 && claim.troubledMs !== undefined) this.#resume(claim, claim.troubledMs);
    }
  }

  #resume(claim: RedisClaim, sinceMs: number): void {
    const waiting = claim.queue.filter(({ outcome }) => outcome === undefined);
    if (this.#clock.nowMs() - sinceMs < this.#options.limitMs) {
      claim.isFailing = false;
      for (const pending of waiting) this.#send(pending);
      return;
    }
    for (const pending of waiting) {
      const error = silentError(pending.mayHaveRun, pending.lastError ?? waiting[0]?.lastError);
      pending.outcome = { kind: 'failed', error };
      claim.broken ??= pending.outcome;
    }
    this.#untrouble(claim);
    this.#tell(claim);
  }

  // ---- Confirmation by replicas ----

  connectionEnded(): void {
    this.#confirmation?.connectionEnded();
  }

  readonly #confirmed = (commits: readonly PendingCommit[], failure: unknown): void => {
    for (const pending of commits) {
      pending.claim.flying -= 1;
      if (failure === undefined) this.#acknowledge(pending);
      else {
        // Stored there, perhaps not for long.
        pending.mayHaveRun = true;
        pending.lastError = failure;
        this.#trouble(pending.claim);
      }
    }
    for (const pending of commits) this.#tell(pending.claim);
  };
}
