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
  readonly #owners = new Map<string, GrainAddress>();
  readonly #nextEpoch: () => number;

  constructor({ nextEpoch }: MemoryDirectoryOptions) {
    this.#nextEpoch = nextEpoch;
  }

  get size(): number {
    return this.#owners.size;
  }

  register(grain: GrainId, claimer: Claimer): RegisterOutcome {
    const id = entryName(grain);
    const owner = this.#owners.get(id);
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
    this.#owners.set(id, address);
    return { kind: 'registered', address };
  }

  lookup(grain: GrainId): GrainAddress | undefined {
    return this.#owners.get(entryName(grain));
  }

  release(grain: GrainId, incarnation: string, activation: number): boolean {
    const id = entryName(grain);
    const owner = this.#owners.get(id);
    if (owner?.incarnation !== incarnation || owner.activation !== activation) return false;
    return this.#owners.delete(id);
  }
}

/** Tenant and Core names hold no slash, so this is one to one. */
function entryName({ tenant, core, key }: GrainId): string {
  return `${core}/${tenant}/${key}`;
}
