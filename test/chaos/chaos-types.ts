import { FAULT_KINDS } from './faults.ts';
import type { Violation } from './history-check.ts';
import type { LoadOptions } from './load.ts';
import type { KindReport } from './service-times.ts';

export interface ChaosOptions {
  readonly seed: number;
  /** How long faults are drawn. */
  readonly durationMs: number;
  readonly silos: number;
  readonly gateways: number;
  readonly sessionTtlMs: number;
  /** From the sources instead of dist. */
  readonly isFromSource: boolean;
  readonly isThorough: boolean;
  /** Kinds of faults that may happen. */
  readonly kinds: readonly string[];
  /** Keeps logs and data of a run without violations, too. */
  readonly isKept: boolean;
  readonly pauseMostMs: number;
  /** Whether Redis loses its data in the end. */
  readonly withLoss: boolean;
  /** Tells each fault. */
  readonly isVerbose: boolean;
  readonly load: Pick<LoadOptions, 'accounts' | 'sources' | 'callers' | 'window' | 'rate'>;
}

export interface CompleteOptions extends ChaosOptions {
  /** A line of progress. */
  readonly say: (line: string) => void;
}

export const DEFAULTS: ChaosOptions = {
  seed: 1,
  durationMs: 60_000,
  silos: 3,
  gateways: 2,
  sessionTtlMs: 2_500,
  isFromSource: false,
  isThorough: true,
  kinds: FAULT_KINDS,
  isKept: false,
  pauseMostMs: 3_000,
  withLoss: true,
  isVerbose: false,
  load: { accounts: 300, sources: 4, callers: 12, window: 64, rate: 400 },
};

/** What became of the phase in which Redis lost its data. */
export interface Losses {
  /** A silo said so in its log. */
  readonly isReported: boolean;
  /** Calls that were answered with ERR_STORE_LOST. */
  readonly refusedCalls: number;
  /** A silo that was started anew refused to. */
  readonly refusedStart: boolean;
}

export interface ChaosReport {
  readonly seed: number;
  readonly silos: number;
  readonly gateways: number;
  readonly tookMs: number;
  readonly loadMs: number;
  readonly events: { readonly sent: number; readonly acknowledged: number };
  readonly calls: { readonly answered: number; readonly triedAgain: number; readonly refused: number };
  /** Found in the accounts. */
  readonly changes: number;
  /** Activations that changed something. */
  readonly activations: number;
  readonly starts: number;
  readonly refusedStarts: number;
  readonly faults: number;
  readonly kinds: readonly KindReport[];
  readonly losses: Losses;
  readonly violationCount: number;
  readonly violations: readonly Violation[];
  /** Logs and data, where they were kept. */
  readonly folder: string | undefined;
}
