// TestHost: Cores in this process, on a clock that the test moves.
// Owns: the fake clock, and a silo over storage in memory. No sockets, no files, no sleeps.
import { MemoryDirectory } from '../../directory/index.ts';
import {
  type AnyCore,
  DEFAULT_TENANT,
  FakeClock,
  GrainError,
  type GrainRef,
  type Logger,
  type Rng,
  SeededRng,
} from '../../lib/index.ts';
import {
  type CallSender,
  type Emission,
  MemoryStorage,
  outsideRef,
  PromiseEnvelope,
  type RefOptions,
  Silo,
  type SiloOptions,
} from '../../silo/index.ts';
import { realDefer } from './system-settle.ts';

export interface TestHostOptions {
  readonly cores: readonly AnyCore[];
  /** Wall-clock time at the start, in milliseconds since 1970. @default 2023-11-14T22:13:20Z */
  readonly wallMs?: number;
  /** Seed of all randomness. @default 1 */
  readonly seed?: number;
  /** Gets what the silo and `ctx.log` say. @default nothing is kept */
  readonly log?: Logger;
  readonly silo?: SiloOptions;
}

export type CallAs = RefOptions;

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
/** Rounds of the loop after which everything that needs no time has happened. */
const QUIET_ROUNDS = 3;

export class TestHost {
  readonly clock: FakeClock;
  readonly #options: TestHostOptions;
  readonly #rng: Rng;
  #silo: Silo;
  #storage: MemoryStorage;
  #epoch = 0;
  #deferred = 0;
  /** References outlive a silo: they call whichever is there. */
  readonly #sender: CallSender;

  private constructor(options: TestHostOptions) {
    this.#options = options;
    this.#rng = new SeededRng(options.seed ?? 1);
    const defer = (run: () => void): void => {
      this.#deferred += 1;
      realDefer(() => {
        this.#deferred -= 1;
        run();
      });
    };
    this.clock = new FakeClock({
      ...(options.wallMs === undefined ? {} : { wallMs: options.wallMs }),
      defer,
    });
    this.#sender = {
      clock: this.clock,
      dispatch: (envelope) => this.#silo.dispatch(envelope),
      watch: (envelope) => this.#silo.watch(envelope),
    };
    this.#storage = new MemoryStorage({ directory: this.#newDirectory(), clock: this.clock });
    this.#silo = this.#newSilo();
  }

  static async start(options: TestHostOptions): Promise<TestHost> {
    const host = new TestHost(options);
    await host.#silo.start();
    return host;
  }

  #newDirectory(): MemoryDirectory {
    return new MemoryDirectory({ nextEpoch: () => ++this.#epoch });
  }

  #newSilo(): Silo {
    const { log = SILENT, silo: siloOptions, cores } = this.#options;
    const parts = {
      storage: this.#storage,
      clock: this.clock,
      rng: this.#rng,
      log,
      clusterKey: '00',
      generation: 'test',
    };
    const silo = new Silo(parts, siloOptions);
    for (const core of cores) silo.host(core);
    return silo;
  }

  get silo(): Silo {
    return this.#silo;
  }

  /** A grain, typed by its Core. Its calls work across `restart`. */
  ref<C extends AnyCore>(core: C, key?: string | number, as: CallAs = {}): GrainRef<C> {
    return outsideRef(this.#sender, core, key, as);
  }

  /** Sends an event to a grain, as a client would over HTTP; settles after the commit. */
  async send(core: AnyCore, key: string, event: string, data: unknown, as: CallAs = {}): Promise<void> {
    const envelope = envelopeFor(core, key, as);
    envelope.kind = 'event';
    envelope.flow = event;
    envelope.input = data;
    this.#silo.dispatch(envelope);
    await envelope.promise;
  }

  /** Erases a grain, as `DELETE` over HTTP does. */
  async forget(core: AnyCore, key = '', as: CallAs = {}): Promise<void> {
    const envelope = envelopeFor(core, key, as);
    envelope.kind = 'forget';
    this.#silo.dispatch(envelope);
    await envelope.promise;
  }

  /** All that the grain has emitted and still keeps, oldest first. */
  async emissions(core: AnyCore, key = '', tenant = DEFAULT_TENANT): Promise<readonly Emission[]> {
    const emissions: Emission[] = [];
    const subscription = this.#silo.subscribe(
      { tenant, core: core.definition.name, key },
      { from: '0.0', credit: Infinity },
      { push: (emission) => emissions.push(emission), gap: () => {}, end: () => {} },
    );
    await this.settle();
    subscription.cancel();
    return emissions;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_ROUNDS; quiet = this.#deferred > 0 ? 0 : quiet + 1) {
      await new Promise<void>((resolve) => realDefer(resolve));
    }
  }

  /** Moves time on: timers, reminders, deadlines and idle eviction happen at their moments, in order. */
  async advance(byMs: number): Promise<void> {
    if (!(byMs >= 0)) throw new GrainError('ERR_OPTION_INVALID', { message: `advance by ${byMs} ms` });
    const untilMs = this.clock.nowMs() + byMs;
    await this.settle();
    for (
      let nextMs = this.clock.nextDueMs;
      nextMs !== undefined && nextMs <= untilMs;
      nextMs = this.clock.nextDueMs
    ) {
      this.clock.advance(Math.max(0, nextMs - this.clock.nowMs()));
      await this.settle();
    }
    this.clock.advance(untilMs - this.clock.nowMs());
    await this.settle();
  }

  /** As after `kill -9` and a new start: activations are gone, and of memory there is what was committed. */
  async restart(): Promise<void> {
    this.#storage = this.#storage.crash({ directory: this.#newDirectory() });
    this.#silo = this.#newSilo();
    await this.#silo.start();
  }

  /** Stops in order, as on SIGTERM. */
  async stop(): Promise<void> {
    const stopped = this.#silo.stop();
    await this.settle();
    let isStopped = false;
    const done = stopped.finally(() => (isStopped = true));
    while (!isStopped) {
      const nextMs = this.clock.nextDueMs;
      if (nextMs !== undefined) this.clock.advance(Math.max(0, nextMs - this.clock.nowMs()));
      await this.settle();
    }
    await done;
  }
}

function envelopeFor(core: AnyCore, key: string, { tenant, principal }: CallAs): PromiseEnvelope {
  const envelope = new PromiseEnvelope();
  envelope.tenant = tenant ?? DEFAULT_TENANT;
  envelope.principal = principal ?? 'test';
  envelope.core = core.definition.name;
  envelope.key = key;
  return envelope;
}

/** Hosts Cores in this process, on a clock that the test moves. */
export function testHost(options: TestHostOptions): Promise<TestHost> {
  return TestHost.start(options);
}
