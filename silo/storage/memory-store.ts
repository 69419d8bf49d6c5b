import { compareUtf8, type GrainId } from '../../lib/index.ts';
import type { ResolvedChange } from './commit-check.ts';
import type {
  DueReminder,
  EmissionPage,
  GrainCommit,
  LogEntry,
  LogPage,
  StoredEmission,
} from './grain-storage.ts';
import { MemoryGrain } from './memory-grain.ts';
import { grainName } from './stored-keys.ts';

/** Points at an emission, so that what a grain erased is gone from the log too. */
interface LogPointer {
  readonly position: number;
  readonly name: string;
  readonly grain: GrainId;
  readonly emissionEpoch: number;
  readonly n: number;
}

/** All that a memory storage holds: grains, the log and the records. Knows nothing of owners and durability. */
export class MemoryStore {
  readonly grains = new Map<string, MemoryGrain>();
  readonly records = new Map<string, unknown>();
  #log: LogPointer[] = [];
  #position = 0;
  #trimmedTo = 0;
  readonly #isLogged: boolean;
  /** Names of the grains that may have reminders. */
  readonly #reminded = new Set<string>();

  /** @param isLogged whether emissions go to the log: without readers it would only grow. */
  constructor(isLogged = true) {
    this.#isLogged = isLogged;
  }

  clone(): MemoryStore {
    const copy = new MemoryStore(this.#isLogged);
    for (const [name, grain] of this.grains) copy.grains.set(name, grain.clone());
    for (const [name, value] of this.records) copy.records.set(name, value);
    for (const name of this.#reminded) copy.#reminded.add(name);
    copy.#log = [...this.#log];
    copy.#position = this.#position;
    copy.#trimmedTo = this.#trimmedTo;
    return copy;
  }

  grain(id: GrainId, name: string): MemoryGrain {
    let grain = this.grains.get(name);
    if (!grain) this.grains.set(name, (grain = new MemoryGrain(id)));
    return grain;
  }

  apply(name: string, grain: MemoryGrain, commit: GrainCommit, changes: readonly ResolvedChange[]): void {
    grain.apply(commit, changes);
    if (commit.reminders.length > 0) this.#reminded.add(name);
    if (commit.emissions.length === 0) return;
    if (this.#isLogged) this.#append(name, grain, commit);
    else grain.logPastTo = grain.emitted;
    grain.dropEmissions();
  }

  #append(name: string, grain: MemoryGrain, { emissions, emissionEpoch }: GrainCommit): void {
    for (const { n } of emissions) {
      this.#position += 1;
      this.#log.push({ position: this.#position, name, grain: grain.grain, emissionEpoch, n });
    }
  }

  forgetGrain(name: string): void {
    this.grains.delete(name);
    this.#reminded.delete(name);
  }

  readEmissions(name: string, after: number, limit: number): EmissionPage {
    const grain = this.grains.get(name);
    if (!grain) return { emissionEpoch: 0, first: 1, last: 0, emissions: [] };
    const { emissionEpoch, emitted: last, emissions } = grain;
    const first = grain.firstKept;
    const start = Math.max(first, after + 1) - (emissions[0]?.n ?? 0);
    return { emissionEpoch, first, last, emissions: emissions.slice(start, start + limit) };
  }

  readLog(after: number, limit: number): LogPage {
    const entries: LogEntry[] = [];
    let last = Math.max(after, this.#trimmedTo);
    const firstKept = this.#log[0]?.position ?? this.#position + 1;
    const start = Math.max(0, last + 1 - firstKept);
    for (const pointer of this.#log.slice(start, start + limit)) {
      last = pointer.position;
      const emission = this.#follow(pointer);
      if (emission) {
        const { position, grain: source, emissionEpoch } = pointer;
        entries.push({ position, source, emissionEpoch, emission });
      }
    }
    return { first: this.#trimmedTo + 1, last, entries };
  }

  #follow({ name, emissionEpoch, n }: LogPointer): StoredEmission | undefined {
    const grain = this.grains.get(name);
    return grain?.emissionEpoch === emissionEpoch ? grain.emission(n) : undefined;
  }

  trimLog(position: number): void {
    this.#trimmedTo = Math.max(this.#trimmedTo, Math.min(position, this.#position));
    const kept = this.#log.findIndex((pointer) => pointer.position > this.#trimmedTo);
    for (const { name, emissionEpoch, n } of this.#log.splice(0, kept < 0 ? this.#log.length : kept)) {
      const grain = this.grains.get(name);
      if (grain?.emissionEpoch !== emissionEpoch) continue;
      grain.logPastTo = n;
      grain.dropEmissions();
    }
  }

  /** All reminders, earliest first. */
  reminders(): DueReminder[] {
    const found: DueReminder[] = [];
    for (const name of this.#reminded) {
      const grain = this.grains.get(name);
      if (!grain || grain.reminders.size === 0) this.#reminded.delete(name);
      else
        for (const { name, dueMs } of grain.reminders.values())
          found.push({ grain: grain.grain, name, dueMs });
    }
    return found.sort(
      (left, right) => left.dueMs - right.dueMs || compareUtf8(dueName(left), dueName(right)),
    );
  }

  listRecords(prefix: string, after: string, limit: number): (readonly [string, unknown])[] {
    const isWanted = (name: string): boolean => name.startsWith(prefix) && compareUtf8(name, after) > 0;
    const names = [...this.records.keys()].filter(isWanted).sort(compareUtf8).slice(0, limit);
    return names.map((name) => [name, this.records.get(name)]);
  }

  listGrains(tenant: string, core: string, after: string, limit: number): string[] {
    const prefix = grainName({ tenant, core, key: '' });
    const keys: string[] = [];
    for (const [name, grain] of this.grains) {
      const { key } = grain.grain;
      if (name.startsWith(prefix) && grain.hasMemory && (after === '' || compareUtf8(key, after) > 0))
        keys.push(key);
    }
    return keys.sort(compareUtf8).slice(0, limit);
  }
}

/** Orders those that are due at the same moment. */
function dueName({ grain, name }: DueReminder): string {
  return `${grainName(grain)}\u0000${name}`;
}
