import { resolveOptions } from '../../lib/index.ts';

export interface LogBusOptions {
  /** Deliveries that may run at once, per listening Core. @default 256 */
  readonly concurrency?: number;
  /** Events that one reader holds, per listening Core. Sources that fail keep one each. @default 1_024 */
  readonly windowMax?: number;
  /** Bytes of event data that one reader holds (estimated); a page more at most. @default 16 MiB */
  readonly windowBytesMax?: number;
  /** A reader's position is stored at most this often, in milliseconds … @default 1_000 */
  readonly positionMs?: number;
  /** … or after so many events. What is redelivered after a crash is known by its marks. @default 1_000 */
  readonly positionEntries?: number;
  /** Where a Core begins that listens for the first time: `end` gives only what is emitted from then on. @default 'end' */
  readonly newReaders?: 'end' | 'start';
  /** Dead letters kept per Core; the oldest are dropped. @default 10_000 */
  readonly lettersMax?: number;
  /** Entries that the log keeps. @default 1_000_000 */
  readonly entriesMax?: number;
  /** How long the log keeps an entry, in milliseconds. @default 86_400_000 (24 h) */
  readonly ageMs?: number;
  /** Pause between trimmings of the log, in milliseconds. @default 60_000 */
  readonly trimMs?: number;
  /** How long a stop waits for deliveries that run, in milliseconds. @default 5_000 */
  readonly stopMs?: number;
}

export type ResolvedBusOptions = Required<LogBusOptions>;

const DEFAULTS: ResolvedBusOptions = {
  concurrency: 256,
  windowMax: 1_024,
  windowBytesMax: 16 * 1024 * 1024,
  positionMs: 1_000,
  positionEntries: 1_000,
  newReaders: 'end',
  lettersMax: 10_000,
  entriesMax: 1_000_000,
  ageMs: 86_400_000,
  trimMs: 60_000,
  stopMs: 5_000,
};

/** @throws ERR_OPTION_INVALID */
export function resolveBusOptions(given: LogBusOptions | undefined): ResolvedBusOptions {
  const count = { least: 1, isWhole: true } as const;
  return resolveOptions(DEFAULTS, given, {
    concurrency: count,
    windowMax: count,
    windowBytesMax: count,
    positionMs: { least: 0 },
    positionEntries: count,
    lettersMax: count,
    entriesMax: count,
    ageMs: { least: 1 },
    trimMs: { least: 1 },
    stopMs: { least: 0 },
  });
}
