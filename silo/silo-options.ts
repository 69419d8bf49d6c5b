import { resolveOptions } from '../lib/index.ts';

export interface SiloOptions {
  /** Name of the silo, for people. @default 'silo' */
  readonly name?: string;
  /** Activations that the silo holds, over all Cores. @default 2_000_000 */
  readonly activationsMax?: number;
  /** Estimated bytes of the values of all activations. @default 1 GiB */
  readonly valueBytesMax?: number;
  /** Share of the heap's limit above which idle activations are evicted. @default 0.75 */
  readonly heapShareMax?: number;
  /** Pause between looks at the heap, in milliseconds. @default 1_000 */
  readonly sweepMs?: number;
  /** How long a stop waits for running turns and queued messages, in milliseconds. @default 10_000 */
  readonly drainMs?: number;
}

const DEFAULTS: Required<SiloOptions> = {
  name: 'silo',
  activationsMax: 2_000_000,
  valueBytesMax: 1024 ** 3,
  heapShareMax: 0.75,
  sweepMs: 1_000,
  drainMs: 10_000,
};

/** @throws ERR_OPTION_INVALID */
export function resolveSiloOptions(given: SiloOptions | undefined): Required<SiloOptions> {
  return resolveOptions(DEFAULTS, given, {
    activationsMax: { least: 1, isWhole: true },
    valueBytesMax: { least: 1 },
    heapShareMax: { least: 0.1, most: 1 },
    sweepMs: { least: 10 },
    drainMs: { least: 0 },
  });
}
