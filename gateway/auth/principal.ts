import { GrainError, isName } from '../../lib/index.ts';

/** Who asks, and what they may: what a token stands for. */
export interface Principal {
  /** Unique within the cluster: sessions and command ids belong to it. */
  readonly name: string;
  readonly tenant: string;
  /** May name grains of other tenants, as `tenant/core`. */
  readonly anyTenant: boolean;
  /** May read what operators read (instance lists, cluster state) and erase grains. */
  readonly isAdmin: boolean;
  /** When the token ends, on the wall clock; Infinity for never. */
  readonly expiresAtMs: number;
  /** Whether grains of this Core may be called, sent to and subscribed to. */
  canUse(core: string): boolean;
}

/** A Core as a caller names it, with the tenant whose grains are meant. */
export interface Target {
  readonly tenant: string;
  readonly core: string;
}

/**
 * What `core` or `tenant/core` means for this caller.
 * @throws ERR_AUTH_FORBIDDEN for a Core or tenant without the right; ERR_CORE_UNKNOWN for what cannot be a name
 */
export function targetFor(principal: Principal, name: string): Target {
  const slash = name.indexOf('/');
  const tenant = slash < 0 ? principal.tenant : name.slice(0, slash);
  const core = name.slice(slash + 1);
  if (!isName(core) || !isName(tenant))
    throw new GrainError('ERR_CORE_UNKNOWN', { core: name.slice(0, 130) });
  if (tenant !== principal.tenant && !principal.anyTenant)
    throw new GrainError('ERR_AUTH_FORBIDDEN', { tenant });
  if (!principal.canUse(core)) throw new GrainError('ERR_AUTH_FORBIDDEN', { core });
  return { tenant, core };
}
