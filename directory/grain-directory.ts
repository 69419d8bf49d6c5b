// GrainDirectory: who owns which grain, right now.
// Owns: the address of every activated grain, and the epoch that orders its owners.
// Does not own: grain memory (silo/storage), or who is alive (membership): the claimer brings that along.
//   D1. At most one activation is the owner of a grain.
//   D2. Each new owner has a greater epoch than every owner before it, whatever was released or swept in between.
//   D3. Release and sweep clear the owner, never the epoch.
//   D4. `register` is idempotent by activation: asked again, it answers the same address.
import type { GrainId, MaybePromise } from '../lib/index.ts';

/** One owner of a grain. The activation id is the pair (incarnation, activation): it is never used again. */
export interface GrainAddress {
  readonly grain: GrainId;
  /** Random 128-bit boot id of the silo's process, in hexadecimal. */
  readonly incarnation: string;
  /** Counter of activations within the incarnation. */
  readonly activation: number;
  readonly epoch: number;
  /** Number of the membership view that the owner knew when it claimed. */
  readonly view: number;
}

/** Who claims, and what it believes of the others. */
export interface Claimer {
  readonly incarnation: string;
  readonly activation: number;
  readonly view: number;
  /** Incarnations that are alive in that view, the claimer's own included. */
  readonly living: ReadonlySet<string>;
}

/** Yes and no are values; "cannot tell" is a thrown GrainError of effect `unknown`: ask again, unchanged. */
export type RegisterOutcome =
  | { readonly kind: 'registered'; readonly address: GrainAddress }
  /** A living owner holds it. */
  | { readonly kind: 'taken'; readonly owner: GrainAddress }
  /** The owner is not among the living, but claimed under a later view: refresh yours, then claim again. */
  | { readonly kind: 'view_old'; readonly owner: GrainAddress };

export interface GrainDirectory {
  /**
   * Makes the claimer the owner when there is none, when the owner is of the claimer's own incarnation, or when the
   * owner is not among the living and claimed under a view that is not later than the claimer's (hazards.md 8).
   */
  register(grain: GrainId, claimer: Claimer): MaybePromise<RegisterOutcome>;
  /** The owner; undefined when there is none. */
  lookup(grain: GrainId): MaybePromise<GrainAddress | undefined>;
  /** Clears the owner if it is exactly this activation; answers whether it was. */
  release(grain: GrainId, incarnation: string, activation: number): MaybePromise<boolean>;
}
