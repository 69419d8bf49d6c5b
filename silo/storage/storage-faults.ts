import type { GrainId } from '../../lib/index.ts';
import { grainName } from './stored-keys.ts';

/**
 * What the simulator breaks: a `claim` that cannot be told; a commit that is surely not stored (`none`); one of unknown
 * outcome that was stored (`unknown_stored`), or was not (`unknown_lost`).
 */
export type StorageFault = 'claim' | 'none' | 'unknown_stored' | 'unknown_lost';

/** Faults that wait for the next claim or commit that they fit. */
export class StorageFaults {
  readonly #waiting: { readonly fault: StorageFault; readonly name: string | undefined }[] = [];

  /** Of one grain when it is named, else of any. */
  add(fault: StorageFault, grain: GrainId | undefined): void {
    this.#waiting.push({ fault, name: grain && grainName(grain) });
  }

  take(kind: 'claim' | 'commit', name: string): StorageFault | undefined {
    if (this.#waiting.length === 0) return undefined;
    const at = this.#waiting.findIndex((waiting) => {
      return (waiting.fault === 'claim') === (kind === 'claim') && (waiting.name ?? name) === name;
    });
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]?.fault;
  }
}
