// The load of a run: sources that stream numbered events, and callers that call with command ids, over the client library.
// What each of them was told is noted; nothing is concluded here (history-check.ts).
import { connect, type EventStream, GrainError, type GranaryClient } from '../../gateway/client/node.ts';
import { randomBelow, type Rng } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import type { account } from './chaos-cores.ts';
import type { Told } from './history-check.ts';
import { pause } from './member-process.ts';

const CLIENT = {
  reconnectFirstMs: 20,
  reconnectMostMs: 300,
  connectTimeoutMs: 1_500,
  reconnectStableMs: 500,
};
const CALL_DEADLINE_MS = 5_000;

export interface LoadOptions {
  readonly url: string;
  readonly accounts: number;
  readonly sources: number;
  readonly callers: number;
  /** Events that each source keeps on the way. */
  readonly window: number;
  /** Events a second, of all sources together. */
  readonly rate: number;
  readonly rng: Rng;
  /** Told of each call that was answered, with when it began. */
  readonly onCall: (startMs: number, endMs: number) => void;
  readonly violation: (kind: string, detail: string) => void;
}

export interface LoadCounts {
  readonly sent: number;
  readonly acked: number;
  readonly calls: number;
  readonly callsTriedAgain: number;
  readonly refused: number;
}

export class Load {
  readonly #options: LoadOptions;
  readonly #sources: readonly Source[];
  readonly #callers: readonly Caller[];
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: LoadOptions) {
    this.#options = options;
    const count = (length: number): number[] => Array.from({ length }, (_none, index) => index + 1);
    this.#sources = count(options.sources).map((index) => new Source(`source-${index}`, options));
    this.#callers = count(options.callers).map((index) => new Caller(`caller-${index}`, options));
  }

  start(): void {
    this.#running = Promise.all([...this.#sources, ...this.#callers].map((one) => one.run()));
  }

  get counts(): LoadCounts {
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
    return {
      sent: sum(this.#sources.map(({ sent }) => sent)),
      acked: sum(this.#sources.map(({ acked }) => acked)),
      calls: sum(this.#callers.map(({ done }) => done)),
      callsTriedAgain: sum(this.#callers.map(({ again }) => again)),
      refused: sum([...this.#sources, ...this.#callers].map(({ refused }) => refused)),
    };
  }

  get told(): readonly Told[] {
    return [...this.#sources, ...this.#callers].flatMap(({ told }) => [...told.values()]);
  }

  /** Ends the load and waits until everything has an outcome. Answers what has none after `maxMs`. */
  async finish(maxMs: number): Promise<readonly string[]> {
    for (const one of [...this.#sources, ...this.#callers]) one.isStopped = true;
    const isDone = await Promise.race([this.#running.then(() => true), pause(maxMs).then(() => false)]);
    return isDone ? [] : [...this.#sources, ...this.#callers].flatMap((one) => one.open());
  }

  async close(): Promise<void> {
    for (const one of [...this.#sources, ...this.#callers]) one.isClosed = true;
    await Promise.all([...this.#sources, ...this.#callers].map(({ client }) => client.close()));
  }

  /** A client to look at the accounts with. */
  client(): GranaryClient {
    return connect(this.#options.url, CLIENT);
  }
}

/** Notes what one party did to each account. */
abstract class Party {
  readonly name: string;
  readonly client: GranaryClient;
  readonly told = new Map<string, Told>();
  protected readonly options: LoadOptions;
  isStopped = false;
  /** What is told to it from now on is of our own making. */
  isClosed = false;
  refused = 0;

  constructor(name: string, options: LoadOptions) {
    this.name = name;
    this.options = options;
    this.client = connect(options.url, CLIENT);
  }

  abstract run(): Promise<void>;

  /** What has no outcome yet. */
  open(): string[] {
    return [...this.told.values()].flatMap(({ account: name, sent, acked, refused, unknown }) => {
      const missing = sent - acked.size - refused.size - unknown.size;
      return missing > 0 ? [`${this.name} waits for ${missing} of ${name}`] : [];
    });
  }

  /** The next number for an account, some of which are asked for much more often than others. */
  protected next(): { readonly told: Told; readonly n: number } {
    const { rng, accounts } = this.options;
    const skewed = Math.floor(rng.next() ** 2 * accounts);
    const name = `a${Math.min(accounts - 1, skewed)}`;
    let told = this.told.get(name);
    if (!told) {
      told = {
        source: this.name,
        account: name,
        sent: 0,
        acked: new Set(),
        refused: new Set(),
        unknown: new Set(),
      };
      this.told.set(name, told);
    }
    told.sent += 1;
    return { told, n: told.sent };
  }
}

class Source extends Party {
  readonly #stream: EventStream;
  sent = 0;
  acked = 0;

  constructor(name: string, options: LoadOptions) {
    super(name, options);
    this.#stream = this.client.events();
  }

  async run(): Promise<void> {
    const { window, rate, sources } = this.options;
    const startedMs = systemClock.nowMs();
    const perMs = rate / sources / 1_000;
    let onTheWay = 0;
    const settled = new Set<() => void>();
    while (!this.isClosed && (!this.isStopped || onTheWay > 0)) {
      const isDue = this.sent < (systemClock.nowMs() - startedMs) * perMs;
      if (!this.isStopped && isDue && onTheWay < window) {
        onTheWay += 1;
        void this.#send().finally(() => {
          onTheWay -= 1;
          for (const wake of settled) wake();
          settled.clear();
        });
      } else {
        // What an outage held back is made up for after it, as far as the window allows.
        await Promise.race([pause(5), new Promise<void>((resolve) => settled.add(resolve))]);
      }
    }
  }

  async #send(): Promise<void> {
    const { told, n } = this.next();
    this.sent += 1;
    try {
      const data = { account: told.account, source: this.name, n };
      await this.#stream.send('account', told.account, 'entry', data);
      this.acked += 1;
      told.acked.add(n);
    } catch (thrown) {
      if (this.isClosed) return;
      this.refused += 1;
      const error = thrown instanceof GrainError ? thrown : undefined;
      (error?.effect === 'none' ? told.refused : told.unknown).add(n);
      this.options.violation('event refused', `${this.name} ${n} to ${told.account}: ${String(thrown)}`);
    }
  }
}

class Caller extends Party {
  done = 0;
  again = 0;

  async run(): Promise<void> {
    while (!this.isStopped && !this.isClosed) {
      await this.#call();
      await pause(randomBelow(this.options.rng, 20));
    }
  }

  /** A checked read shows whatever was acknowledged before it began. */
  async #read(name: string, least: number): Promise<void> {
    const ref = this.client.core<typeof account>('account').get(name);
    const read = (): Promise<number> => ref.count(undefined, { deadlineMs: CALL_DEADLINE_MS });
    const count = await read().catch(() => undefined);
    if (count === undefined || count >= least) return;
    this.options.violation('stale read', `${name} was at ${least}, and a checked read says ${count}`);
  }

  async #call(): Promise<void> {
    const { told, n } = this.next();
    const input = { account: told.account, source: this.name, n };
    const commandId = `${this.name}/${told.account}/${n}`;
    const startMs = systemClock.nowMs();
    const ref = this.client.core<typeof account>('account').get(told.account);
    let isSurelyNotExecuted = true;
    for (;;) {
      try {
        const at = await ref.record(input, { commandId, deadlineMs: CALL_DEADLINE_MS });
        told.acked.add(n);
        this.done += 1;
        this.options.onCall(startMs, systemClock.nowMs());
        if (randomBelow(this.options.rng, 4) === 0) await this.#read(told.account, at);
        return;
      } catch (thrown) {
        if (this.isClosed) return;
        if (!(thrown instanceof GrainError) || thrown.spec.lasting) {
          this.options.violation('call failed', `${this.name} ${n} to ${told.account}: ${String(thrown)}`);
        }
        if (!(thrown instanceof GrainError)) return;
        isSurelyNotExecuted &&= thrown.effect === 'none';
        // Once in a while a caller takes the refusal at its word; an earlier try with an unknown end forbids that.
        if (isSurelyNotExecuted && randomBelow(this.options.rng, 2) === 0) {
          told.refused.add(n);
          this.refused += 1;
          return;
        }
        this.again += 1;
        await pause(20);
      }
    }
  }
}
