// A world for the bus: real storage, a clock that stands still, and grains that are scripted but keep marks as real ones do.
import assert from 'node:assert/strict';
import { MemoryDirectory } from '../../../directory/index.ts';
import {
  type CoreDefinition,
  defineCore,
  entity,
  FakeClock,
  formatGrainId,
  GrainError,
  type GrainId,
  type Logger,
  SeededRng,
  singleton,
  stateless,
} from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import {
  type BusGap,
  type Claim,
  type Envelope,
  type GrainStorage,
  LogBus,
  type LogBusOptions,
  MemoryStorage,
  type StoredEmission,
} from '../../../silo/internal.ts';

export const QUIET: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Lets all that is deferred and promised happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await new Promise<void>((resolve) => systemClock.defer(resolve));
}

const listener = { version: '1.0.0', on: { 'core://airport/delayed': 'note', 'core://board/noted': 'note' } };
export const board: CoreDefinition = defineCore({
  ...listener,
  name: 'board',
  instance: entity({ entityKey: 'to' }),
}).flows((flow) => ({ note: flow({ run: (_ctx, _input: unknown): void => undefined }) })).definition;
export const tower: CoreDefinition = defineCore({
  ...listener,
  name: 'tower',
  instance: singleton(),
}).flows((flow) => ({ note: flow({ run: () => undefined }) })).definition;
export const mailer: CoreDefinition = defineCore({
  ...listener,
  name: 'mailer',
  instance: stateless(),
}).flows((flow) => ({ note: flow({ run: () => undefined }) })).definition;

/** What a delivery ends with: nothing for a result. A promise holds it up. */
export type Verdict = GrainError | undefined;
export type Script = (envelope: Envelope, attempt: number) => Verdict | Promise<Verdict>;

export interface Applied {
  readonly target: string;
  readonly source: string;
  readonly n: number;
  readonly input: unknown;
}

interface Owner {
  readonly claim: Claim;
  number: number;
  n: number;
}

export class BusWorld {
  readonly clock = new FakeClock({ defer: (run) => systemClock.defer(run) });
  readonly rng = new SeededRng(1);
  storage: MemoryStorage;
  bus: LogBus;
  script: Script = () => undefined;
  /** What took effect, in order; it survives a crash as a grain's memory does. */
  readonly applied: Applied[] = [];
  /** Every delivery as `source n`, in order. */
  readonly dispatched: string[] = [];
  readonly gaps: BusGap[] = [];
  running = 0;
  mostRunning = 0;
  readonly #marks = new Map<string, number>();
  readonly #attempts = new Map<string, number>();
  readonly #owners = new Map<string, Owner>();
  readonly #options: LogBusOptions;
  #epoch = 0;
  #life = 0;
  #activation = 0;

  constructor(options: LogBusOptions = {}) {
    this.#options = options;
    this.storage = new MemoryStorage({ directory: this.#directory(), clock: this.clock });
    this.bus = this.makeBus();
  }

  #directory(): MemoryDirectory {
    return new MemoryDirectory({ nextEpoch: () => ++this.#epoch });
  }

  makeBus(storage: GrainStorage = this.storage): LogBus {
    const { clock, rng } = this;
    const life = this.#life;
    const dispatch = (envelope: Envelope): void => {
      if (life === this.#life) this.#dispatch(envelope);
    };
    const onGap = (gap: BusGap): void => void this.gaps.push(gap);
    return new LogBus({ storage, dispatch, clock, rng, log: QUIET, options: this.#options, onGap });
  }

  async start(...cores: CoreDefinition[]): Promise<void> {
    for (const core of cores) this.bus.subscribeCore(core);
    await this.bus.start();
    await settle();
  }

  /** The process ends in the middle of whatever it does, and comes back. */
  async crash(...cores: CoreDefinition[]): Promise<void> {
    this.#life += 1;
    this.running = 0;
    this.#owners.clear();
    this.storage = this.storage.crash({ directory: this.#directory() });
    this.bus = this.makeBus();
    await this.start(...cores);
  }

  /** Emits in one commit; answers the last number. */
  emit(
    key: string,
    events: readonly unknown[],
    at: { event?: string; core?: string; tenant?: string; kept?: number; forget?: boolean } = {},
  ): number {
    const { event = 'delayed', core = 'airport', tenant = 'default', kept = 1_000_000, forget = false } = at;
    const grain: GrainId = { tenant, core, key };
    const name = formatGrainId(grain);
    let owner = this.#owners.get(name);
    if (!owner) this.#owners.set(name, (owner = this.#claim(grain)));
    const emissions: StoredEmission[] = events.map((data) => ({
      n: ++owner.n,
      event,
      data,
      wallMs: this.clock.wallMs(),
    }));
    owner.number += 1;
    this.storage.commit(
      owner.claim,
      {
        number: owner.number,
        schema: 1,
        fieldNames: [],
        values: [],
        changed: [],
        collections: [],
        marks: [],
        commands: [],
        emissions,
        emissionEpoch: this.#firstEpoch(name, owner.claim.address.epoch),
        emissionsKept: kept,
        reminders: [],
        forget,
      },
      ({ kind }) => assert.equal(kind, 'done'),
    );
    return owner.n;
  }

  readonly #epochs = new Map<string, number>();
  #firstEpoch(name: string, epoch: number): number {
    const known = this.#epochs.get(name) ?? epoch;
    this.#epochs.set(name, known);
    return known;
  }

  #claim(grain: GrainId): Owner {
    const incarnation = `silo-${this.#life}`;
    const claimer = { incarnation, activation: ++this.#activation, view: 1, living: new Set([incarnation]) };
    const outcome = this.storage.claim(grain, claimer);
    assert.ok(!(outcome instanceof Promise) && outcome.kind === 'claimed');
    return { claim: outcome.claim, number: 0, n: outcome.memory.emitted };
  }

  #dispatch(envelope: Envelope): void {
    const { mark, tenant, core, key } = envelope;
    const target = formatGrainId({ tenant, core, key: key ?? '*' });
    const source = envelope.principal.replace('core:', '');
    const n = mark?.seq ?? (envelope.input as { n: number }).n;
    assert.ok(envelope.begin());
    this.dispatched.push(`${source.split('/').at(-1)} ${n}`);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    const finish = (verdict: Verdict): void => {
      this.running -= 1;
      if (verdict) envelope.reject(verdict);
      else envelope.resolve(undefined);
    };
    const attemptName = `${core}|${source}|${n}`;
    const attempt = (this.#attempts.get(attemptName) ?? 0) + 1;
    this.#attempts.set(attemptName, attempt);
    const apply = (verdict: Verdict): void => {
      if (verdict) {
        finish(verdict);
        return;
      }
      const markName = `${target} ${mark?.source}`;
      const seen = mark ? (this.#marks.get(markName) ?? 0) : 0;
      if (mark && mark.seq > seen && mark.prev !== 0 && mark.prev !== seen) {
        finish(new GrainError('ERR_EVENT_GAP'));
        return;
      }
      if (!mark || mark.seq > seen) {
        if (mark) this.#marks.set(markName, mark.seq);
        this.applied.push({ target, source, n, input: envelope.input });
      }
      finish(undefined);
    };
    const life = this.#life;
    const verdict = this.script(envelope, attempt);
    if (verdict instanceof Promise) void verdict.then((later) => life === this.#life && apply(later));
    else apply(verdict);
  }

  /** Numbers of one source that took effect in Cores of that name, in order. */
  numbers(core: string, sourceKey: string): number[] {
    return this.applied
      .filter(({ target, source }) => target.split('/')[1] === core && source.endsWith(`/${sourceKey}`))
      .map(({ n }) => n);
  }

  forgetMarks(): void {
    this.#marks.clear();
  }

  /** Time passes in steps, so that what each timer starts can happen. */
  async pass(ms: number, steps = 10): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      this.clock.advance(ms / steps);
      await settle();
    }
  }
}

/** A promise to settle by hand. */
export class Hold {
  release: (verdict?: Verdict) => void = () => undefined;
  readonly promise = new Promise<Verdict>((resolve) => {
    this.release = resolve;
  });
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_item, index) => from + index);
