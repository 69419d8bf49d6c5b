// The membership view: a numbered, immutable list of the silos of a cluster.
//   V1. Each view follows from the one before it by one compare-and-set on its number; no two views share a number.
//   V2. An incarnation that is dead in a view is never alive in a later one. It is forgotten only after `DEAD_KEPT_MS`.
//   V3. A view names its generation: views of different generations are never compared by number (hazards.md 6).

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
  readonly cores: readonly HostedCore[];
}

export interface MembershipView {
  readonly number: number;
  /** Random; made once with the cluster. Another one: the store lost its data, or is another store. */
  readonly generation: string;
  readonly members: readonly Member[];
  /** Manifests of Cores (the silo's `CoreManifest`) by digest: each once, however many silos host it. */
  readonly manifests: Readonly<Record<string, unknown>>;
}

/** What a change of the view came to. */
export type ChangeOutcome =
  | { readonly kind: 'changed'; readonly view: MembershipView }
  /** Somebody else was faster: decide again on this one. */
  | { readonly kind: 'conflict'; readonly view: MembershipView }
  /** The record is gone, or is of another generation (hazards.md 6). */
  | { readonly kind: 'lost'; readonly found: MembershipView | undefined };

/** The judge: one record that all silos read and change by compare-and-set. */
export interface MembershipTable {
  /** Undefined: there is no record. @throws (rejects) ERR_STORE_UNAVAILABLE */
  read(): Promise<MembershipView | undefined>;
  /** Stores `next` when the record still has `next.number - 1` of the same generation. @throws as `read` */
  change(next: MembershipView): Promise<ChangeOutcome>;
}

export function memberOf(view: MembershipView, incarnation: string): Member | undefined {
  return view.members.find((member) => member.incarnation === incarnation);
}

/** Incarnations that may own grains: all that are not dead. */
export function livingOf(view: MembershipView): ReadonlySet<string> {
  return new Set(view.members.filter(({ state }) => state !== 'dead').map(({ incarnation }) => incarnation));
}
