// A cluster around one silo, as a test makes it up: it says where grains are, and keeps what the silo sends away.
import { type GrainAddress, type Lease, MemoryDirectory } from '../../../directory/index.ts';
import type { FakeClock, GrainId, MaybePromise } from '../../../lib/index.ts';
import type { Claim, ClaimOutcome, Envelope, GrainStorage, Neighbours } from '../../../silo/internal.ts';

/** A lease that the test takes away and gives back. */
export class TestLease implements Lease {
  untilMs = Infinity;
  readonly #listeners = new Set<() => void>();

  onRegained(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** It ends at this very moment. */
  lapse(clock: FakeClock): void {
    this.untilMs = clock.nowMs();
  }

  regain(untilMs = Infinity): void {
    this.untilMs = untilMs;
    for (const listener of [...this.#listeners]) listener();
  }
}

export class FakeNeighbours implements Neighbours {
  readonly lease = new TestLease();
  #epoch = 0;
  readonly directory = new MemoryDirectory({ nextEpoch: () => ++this.#epoch });
  view = 1;
  /** Everybody. */
  living: ReadonlySet<string> = Object.assign(new Set<string>(), { has: () => true });
  /** Whether a grain without an activation here belongs elsewhere. */
  elsewhere: (grain: GrainId, hasLeft: boolean) => boolean = () => false;
  /** Owners elsewhere that were learned of before, by key. */
  readonly known = new Set<string>();
  /** What was sent away, and how. */
  readonly sent: { readonly how: string; readonly envelope: Envelope }[] = [];
  /** Views that were asked for. */
  readonly refreshes: number[] = [];
  /** What a refresh does before it is over. */
  onRefresh: () => void = () => undefined;
  gate: Promise<void> | undefined = undefined;
  /** Partitions whose reminders were set. */
  readonly reminders: number[] = [];
  readonly published: number[] = [];
  lostCount = 0;
  isReader = true;
  isKeeper = true;

  manifests(): ReturnType<Neighbours['manifests']> {
    return new Map();
  }

  claimView(): { readonly view: number; readonly living: ReadonlySet<string> } {
    return { view: this.view, living: this.living };
  }

  isElsewhere(_envelope: Envelope, grain: GrainId, hasLeft: boolean): boolean {
    return this.elsewhere(grain, hasLeft);
  }

  isKnownElsewhere({ key }: GrainId): boolean {
    return this.known.has(key);
  }

  sendOn(envelope: Envelope, grain: GrainId): void {
    this.sent.push({ how: `on to ${grain.key}`, envelope });
  }

  sendAway(envelope: Envelope): void {
    this.sent.push({ how: 'away', envelope });
  }

  toOwner(envelope: Envelope, owner: GrainAddress): void {
    this.sent.push({ how: `to ${owner.incarnation}`, envelope });
  }

  async refreshView(atLeast: number): Promise<void> {
    this.refreshes.push(atLeast);
    await Promise.resolve();
    this.onRefresh();
  }

  exclusiveGate(): Promise<void> | undefined {
    return this.gate;
  }

  /** Who can read newer schemas. */
  able: string | undefined = undefined;

  hostOfSchema(grain: GrainId): GrainAddress | undefined {
    return this.able === undefined ? undefined : ownerOf(grain, this.able, this.view);
  }

  isKeeperOf(): boolean {
    return this.isKeeper;
  }

  isReaderFor(): boolean {
    return this.isReader;
  }

  reminderSet(partition: number): void {
    this.reminders.push(partition);
  }

  publishVolatile(_grain: GrainId, emissionEpoch: number): void {
    this.published.push(emissionEpoch);
  }

  storeLost(): void {
    this.lostCount += 1;
  }

  coresChanged(): void {
    // Nobody lists them.
  }
}

export function ownerOf(grain: GrainId, incarnation: string, view: number): GrainAddress {
  return { grain, incarnation, activation: 1, epoch: 1, view };
}

interface Between {
  /** Instead of the storage's own claim, which is `next`. */
  readonly claim?: (grain: GrainId, next: () => MaybePromise<ClaimOutcome>) => MaybePromise<ClaimOutcome>;
  readonly release?: (claim: Claim, next: () => MaybePromise<void>) => MaybePromise<void>;
  readonly isOwner?: (claim: Claim) => MaybePromise<boolean>;
}

/** The storage, with some of its answers made up. */
export function standIn(storage: GrainStorage, between: Between): GrainStorage {
  return new Proxy(storage, {
    get(target, name): unknown {
      const { claim, release, isOwner } = between;
      if (name === 'claim' && claim)
        return (grain: GrainId, claimer: Parameters<GrainStorage['claim']>[1]) =>
          claim(grain, () => target.claim(grain, claimer));
      if (name === 'release' && release) return (of: Claim) => release(of, () => target.release(of));
      if (name === 'isOwner' && isOwner) return isOwner;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
