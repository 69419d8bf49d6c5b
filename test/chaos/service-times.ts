// How long callers waited in the wake of each fault: what users notice of it.
import type { Fault } from './faults.ts';

export interface FaultRecord {
  readonly kind: string;
  readonly detail: string;
  readonly startMs: number;
  /** When it was put right. */
  endMs: number;
  /** The longest that a call waited, from the fault on. */
  worstMs: number;
  calls: number;
}

export interface KindReport {
  readonly kind: string;
  readonly count: number;
  /** Mean time until the fault itself was put right. */
  readonly lastedMs: number;
  /** Longest wait of a call after each fault. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class ServiceTimes {
  readonly #faults: FaultRecord[] = [];

  get faults(): readonly FaultRecord[] {
    return this.#faults;
  }

  begin({ kind, detail }: Fault, nowMs: number): FaultRecord {
    const record = { kind, detail, startMs: nowMs, endMs: Infinity, worstMs: 0, calls: 0 };
    this.#faults.push(record);
    return record;
  }

  /**
   * A call counts for the faults that began while it ran, and for the last one before it; what it waited after another
   * one had begun is that one's, unless the first was not put right yet.
   */
  onCall(startMs: number, endMs: number): void {
    let nextMs = Infinity;
    for (let index = this.#faults.length - 1; index >= 0; index -= 1) {
      const fault = this.#faults[index];
      if (!fault) return;
      const untilMs = fault.endMs < nextMs ? Math.min(endMs, nextMs) : endMs;
      fault.calls += 1;
      fault.worstMs = Math.max(fault.worstMs, untilMs - Math.max(startMs, fault.startMs));
      nextMs = fault.startMs;
      if (fault.startMs <= startMs) return;
    }
  }

  byKind(): KindReport[] {
    const kinds = new Map<string, FaultRecord[]>();
    for (const fault of this.#faults) kinds.set(fault.kind, [...(kinds.get(fault.kind) ?? []), fault]);
    return [...kinds].map(([kind, faults]) => {
      const waits = faults.map(({ worstMs }) => worstMs).sort((left, right) => left - right);
      const lasted = faults.map(({ startMs, endMs }) => endMs - startMs).filter(Number.isFinite);
      return {
        kind,
        count: faults.length,
        lastedMs: lasted.reduce((sum, ms) => sum + ms, 0) / Math.max(1, lasted.length),
        p50Ms: quantile(waits, 0.5),
        p99Ms: quantile(waits, 0.99),
        maxMs: quantile(waits, 1),
      };
    });
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}
