// The membership view: a numbered, immutable list of the silos of a cluster.
//   V1. Each view follows from the one before it by one compare-and-set on its number; no two views share a number.
//   V2. An incarnation that is dead in a view is never alive in a later one. It is forgotten only after `DEAD_KEPT_MS`.
//   V3. A view names its generation: views of different generations are never compared by number (hazards.md 6).
//   V4. A tombstone is laid only over the session of a member that is dead in a view, never before: else two silos that
//       do not reach each other could both end, instead of one.

/**
 * joining: has a session, and reaches out for the others. active: hosts grains. draining: hosts what it has, gets
 * nothing new. dead: gone for good; whatever it owned may be taken over.
 */
export type MemberState = 'joining' | 'active' | 'draining' | 'dead';

/** A Core as a silo hosts it. */
export interface HostedCore {
  readonly name: string;
  readonly version: string;
  readonly schema: number;
  /** Key of its manifest in `MembershipView.manifests`. */
  readonly manifest: string;
}

/** Why a member is dead, and whether it can still be at work. */
export interface Death {
  readonly reason: string;
  /** left: by its own word, when it had stopped all turns: nobody need wait for it. declared: by others. */
  readonly cause: 'left' | 'declared';
  /**
   * A tombstone lies over its session on most lock nodes, so it renews no more (always true of who left). The successor
   * of an `exclusive` grain starts to wait out the TTL when it sees this, not before (architecture.md, Ownership 8).
   */
  readonly isBuried: boolean;
}

export interface Member {
  /** Random 128-bit boot id, in hexadecimal: compared for equality only. */
  readonly incarnation: string;
  /** Name that the operator gave: for people; several may have the same. */
  readonly name: string;
  /** Where its transport listens. */
  readonly host: string;
  readonly port: number;
  readonly state: MemberState;
  /** Number of the view in which it came in. Of two members the later one dials. */
  readonly joinedView: number;
  /** None once it is dead. */
  readonly cores: readonly HostedCore[];
  /** Of the dead only. */
  readonly death?: Death;
}

export interface MembershipView {
  readonly number: number;
  /** Random; made once with the cluster. Another one: the store lost its data, or is another store. */
  readonly generation: string;
  /** Random, new with each change: tells apart two views of one number, which only a failover that lost writes makes. */
  readonly stamp: string;
  readonly members: readonly Member[];
  /** Manifests of Cores (the silo's `CoreManifest`) by digest: each once, however many silos host it. */
  readonly manifests: Readonly<Record<string, unknown>>;
}

/** What tells one view from another. */
export type ViewVersion = Pick<MembershipView, 'number' | 'generation' | 'stamp'>;

/** What a change of the view came to. */
export type ChangeOutcome =
  | { readonly kind: 'changed'; readonly view: MembershipView }
  /** Somebody else was faster: decide again on this one. */
  | { readonly kind: 'conflict'; readonly view: MembershipView }
  /** The record is gone, or is of another generation (hazards.md 6). */
  | { readonly kind: 'lost'; readonly found: MembershipView | undefined };

/**
 * The judge: one record that all silos read and change by compare-and-set.
 * @throws (rejects), each of them: ERR_STORE_UNAVAILABLE; ERR_STORE_CORRUPT when the record cannot be read; `change` also
 * ERR_STORE_FAILED: cannot tell, read again.
 */
export interface MembershipTable {
  /** Undefined: there is no record. */
  read(): Promise<MembershipView | undefined>;
  /** Cheap: what a silo asks every few seconds. */
  version(): Promise<ViewVersion | undefined>;
  /** Stores `next` when the record is still `base`, by generation, number and stamp. */
  change(next: MembershipView, base: ViewVersion): Promise<ChangeOutcome>;
  /** Notes for `ttlMs` that `voter` believes `target` dead; answers who of `electorate` believes it now. */
  vote(
    target: string,
    voter: string,
    electorate: readonly string[],
    ttlMs: number,
  ): Promise<readonly string[]>;
}

export function memberOf(view: MembershipView, incarnation: string): Member | undefined {
  return view.members.find((member) => member.incarnation === incarnation);
}

export function isLiving(member: Member): boolean {
  return member.state !== 'dead';
}

/** Incarnations that may own grains: all that are not dead. */
export function livingOf(view: MembershipView): ReadonlySet<string> {
  return new Set(view.members.filter(isLiving).map(({ incarnation }) => incarnation));
}
