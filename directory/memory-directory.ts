import type { GrainId } from '../lib/index.ts';
import type { Claimer, GrainAddress, GrainDirectory, RegisterOutcome } from './grain-directory.ts';

export interface MemoryDirectoryOptions {
  /**
   * Gives a number greater than any it gave before, in this process or an earlier one on the same store. That is
   * what lets released entries be forgotten without breaking D2.
   */
  readonly nextEpoch: () => number;
}

/** The directory of one process. Answers at once. */
export class MemoryDirectory implements GrainDirectory {
  /** By Core, tenant and key: the grain's own key is the Map's, so an entry costs no string of its own. */
  readonly #owners = new Map<string, Map<string, Map<string, GrainAddress>>>();
  #size = 0;
  readonly #nextEpoch: () => number;

  constructor({ nextEpoch }: MemoryDirectoryOptions) {
    this.#nextEpoch = nextEpoch;
  }

  get size(): number {
    return this.#size;
  }

  register(grain: GrainId, claimer: Claimer): RegisterOutcome {
    const owners = this.#ownersBeside(grain);
    const owner = owners.get(grain.key);
    if (owner) {
      const isSame = owner.incarnation === claimer.incarnation && owner.activation === claimer.activation;
      if (isSame) return { kind: 'registered', address: owner };
      if (owner.incarnation !== claimer.incarnation) {
        if (claimer.living.has(owner.incarnation)) return { kind: 'taken', owner };
        if (owner.view > claimer.view) return { kind: 'view_old', owner };
      }
    }
    const { incarnation, activation, view } = claimer;
    const address: GrainAddress = { grain, incarnation, activation, epoch: this.#nextEpoch(), view };
    owners.set(grain.key, address);
    if (!owner) this.#size += 1;
    return { kind: 'registered', address };
  }

  lookup(grain: GrainId): GrainAddress | undefined {
    return this.#owners.get(grain.core)?.get(grain.tenant)?.get(grain.key);
  }

  release(grain: GrainId, incarnation: string, activation: number): boolean {
    const owners = this.#ownersBeside(grain);
    const owner = owners.get(grain.key);
    if (owner?.incarnation !== incarnation || owner.activation !== activation) return false;
    this.#size -= 1;
    return owners.delete(grain.key);
  }

  /** The owners of all grains of the same Core and tenant. */
  #ownersBeside({ core, tenant }: GrainId): Map<string, GrainAddress> {
    let tenants = this.#owners.get(core);
    if (!tenants) this.#owners.set(core, (tenants = new Map()));
    let owners = tenants.get(tenant);
    if (!owners) tenants.set(tenant, (owners = new Map()));
    return owners;
  }
}
