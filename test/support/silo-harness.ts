// SiloHarness: one silo over storage in memory, where the test decides when time passes, when commits become durable and
// when deferred work runs. Nothing happens by itself: `settle` lets everything happen that needs no time.
import { MemoryDirectory } from '../../directory/index.ts';
import {
  type AnyCore,
  DEFAULT_TENANT,
  estimateBytes,
  FakeClock,
  GrainError,
  type GrainRef,
  type Logger,
  SeededRng,
} from '../../lib/index.ts';
import {
  type ClusterReport,
  type Envelope,
  PromiseEnvelope,
  Silo,
  type SiloOptions,
} from '../../silo/index.ts';
import {
  type GrainStorage,
  type HeapUse,
  type InstanceReport,
  MemoryStorage,
  type Neighbours,
} from '../../silo/internal.ts';
import { macrotask } from './system-macrotask.ts';

export interface HarnessOptions {
  readonly cores: readonly AnyCore[];
  readonly silo?: SiloOptions;
  /** `held`: commits become durable when `flush` is called. @default 'at_once' */
  readonly commits?: 'at_once' | 'held';
  /** Stands between the silo and its storage. */
  readonly storage?: (storage: GrainStorage) => GrainStorage;
  readonly heapUse?: () => HeapUse;
  /** The cluster around the silo, as the test makes it up. */
  readonly neighbours?: Neighbours;
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** What a sent message became. */
export interface Sent {
  readonly envelope: PromiseEnvelope;
  /** The result, the error's code, or undefined while it is open. */
  readonly outcome: { readonly output: unknown } | { readonly error: GrainError } | undefined;
}

export type Facts = Partial<
  Pick<
    Envelope,
    | 'kind'
    | 'tenant'
    | 'key'
    | 'flow'
    | 'input'
    | 'principal'
    | 'commandId'
    | 'mark'
    | 'tick'
    | 'chain'
    | 'deadlineMs'
  >
>;

/** Rounds without deferred work after which everything that needs no time has happened. */
const QUIET_ROUNDS = 3;

export class SiloHarness {
  readonly clock: FakeClock;
  readonly lines: LogLine[] = [];
  storage: MemoryStorage;
  silo: Silo;
  /** While true, deferred work (the loop's next macrotask) waits. */
  isDeferHeld = false;
  readonly #options: HarnessOptions;
  #deferred: (() => void)[] = [];
  #flushes: (() => void)[] = [];
  #epoch = 0;

  constructor(options: HarnessOptions) {
    this.#options = options;
    this.clock = new FakeClock({ defer: (run) => this.#deferred.push(run) });
    this.storage = new MemoryStorage({
      directory: this.#newDirectory(),
      clock: this.clock,
      durability: { flush: (run) => this.#onFlush(run) },
    });
    this.silo = this.#newSilo(options.cores);
  }

  #newDirectory(): MemoryDirectory {
    return new MemoryDirectory({ nextEpoch: () => ++this.#epoch });
  }

  #newSilo(cores: readonly AnyCore[]): Silo {
    const { storage: wrap = (storage: GrainStorage) => storage, silo: siloOptions } = this.#options;
    const { heapUse, neighbours } = this.#options;
    const parts = {
      storage: wrap(this.storage),
      clock: this.clock,
      rng: new SeededRng(this.#epoch + 1),
      log: this.#log(),
      clusterKey: '00',
      generation: 'test',
      ...(heapUse ? { heapUse } : {}),
      ...(neighbours ? { neighbours } : {}),
    };
    const silo = new Silo(parts, siloOptions);
    for (const core of cores) silo.host(core);
    return silo;
  }

  #log(): Logger {
    const at =
      (level: LogLine['level']) =>
      (fields: object, message: string): void => {
        this.lines.push({ level, fields: fields as LogLine['fields'], message });
      };
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  }

  #onFlush(run: () => void): void {
    if (this.#options.commits === 'held') this.#flushes.push(run);
    else queueMicrotask(run);
  }

  /** Messages logged at this level. */
  logged(level: LogLine['level']): readonly string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  ref<C extends AnyCore>(core: C, key?: string | number, principal = 'test'): GrainRef<C> {
    return this.silo.ref(core, key === undefined ? undefined : String(key), { principal });
  }

  /** Sends one message; what becomes of it is read from the answer. */
  send(core: AnyCore, key: string | undefined, facts: Facts): Sent {
    const envelope = Object.assign(new PromiseEnvelope(), {
      tenant: DEFAULT_TENANT,
      principal: 'test',
      core: core.definition.name,
      key,
      inputBytes: estimateBytes(facts.input),
      ...facts,
    });
    const sent: { envelope: PromiseEnvelope; outcome: Sent['outcome'] } = { envelope, outcome: undefined };
    envelope.promise.then(
      (output) => (sent.outcome = { output }),
      (error: unknown) => (sent.outcome = { error: error as GrainError }),
    );
    this.silo.dispatch(envelope);
    return sent;
  }

  /** Sends a session's event. */
  event(
    core: AnyCore,
    key: string,
    seq: number,
    prev: number,
    { event = 'happened', data = {} as unknown, source = 'session', attach = 1 } = {},
  ): Sent {
    const mark = { source, attach, seq, prev };
    return this.send(core, key, { kind: 'event', flow: event, input: data, mark });
  }

  /** Makes durable what is handed over by now. */
  async flush(): Promise<void> {
    for (const run of this.#flushes.splice(0)) run();
    await this.settle();
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_ROUNDS; quiet += 1) {
      await macrotask();
      if (this.isDeferHeld || this.#deferred.length === 0) continue;
      quiet = -1;
      for (const run of this.#deferred.splice(0)) run();
    }
  }

  /** Moves time on, letting everything happen at its moment. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.clock.nowMs() + byMs;
    await this.settle();
    for (let due = this.clock.nextDueMs; due !== undefined && due <= untilMs; due = this.clock.nextDueMs) {
      this.clock.advance(Math.max(0, due - this.clock.nowMs()));
      await this.settle();
    }
    this.clock.advance(untilMs - this.clock.nowMs());
    await this.settle();
  }

  /** Stops the silo, moving time on as far as that needs. */
  async stop(): Promise<void> {
    let isStopped = false;
    const stopped = this.silo.stop().finally(() => (isStopped = true));
    for (let left = 10_000; !isStopped && left > 0; left -= 1) {
      for (const run of this.#flushes.splice(0)) run();
      await this.settle();
      const due = this.clock.nextDueMs;
      if (!isStopped && due !== undefined) this.clock.advance(Math.max(0, due - this.clock.nowMs()));
    }
    if (!isStopped) throw new Error('the silo does not stop');
    await stopped;
  }

  /** As after `kill -9` and a new start, with these Cores. */
  restart(cores: readonly AnyCore[] = this.#options.cores): void {
    this.#flushes = [];
    this.storage = this.storage.crash({ directory: this.#newDirectory() });
    this.silo = this.#newSilo(cores);
  }

  async instances(core: AnyCore): Promise<readonly InstanceReport[]> {
    const { name } = core.definition;
    return (await this.silo.instances(DEFAULT_TENANT, name, { limit: 100_000 })).instances;
  }

  async report(): Promise<ClusterReport['silos'][number]> {
    const [silo] = (await this.silo.cluster()).silos;
    if (!silo) throw new Error('a cluster of none');
    return silo;
  }
}

/** A promise that the test settles: what a flow awaits of the outside. */
export class Latch<T = void> {
  readonly promise: Promise<T>;
  open: (value: T) => void = () => {};
  fail: (error: unknown) => void = () => {};

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
  }
}

/** The code of the error that this ends with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof GrainError ? error.code : String(error);
  }
  return 'no error';
}

export function codeIn(sent: Sent): string | undefined {
  if (!sent.outcome) return undefined;
  return 'error' in sent.outcome ? sent.outcome.error.code : 'ok';
}
