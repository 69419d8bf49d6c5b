/** The life of one activation. `tombstone` is final: it answers late arrivals, and never runs again. */
export type ActivationState = 'activating' | 'active' | 'deactivating' | 'tombstone';

/** The only legal steps. There is no `creating`: an activation object exists only once it has begun to claim its grain. */
export const NEXT_STATES: Readonly<Record<ActivationState, readonly ActivationState[]>> = {
  activating: ['active', 'tombstone'],
  active: ['deactivating'],
  deactivating: ['tombstone'],
  tombstone: [],
};

export type DeactivationReason =
  | 'idle'
  | 'pressure'
  | 'overflow'
  | 'drain'
  /** Its hash prefers another silo now. */
  | 'moved'
  /** A view calls this silo dead, or the store lost its data. */
  | 'silo_dead'
  | 'core_replaced'
  /** A stateless call is over. */
  | 'call_ended'
  | 'forgotten'
  | 'turn_timeout'
  | 'commit_failed'
  | 'invariant_broken';
