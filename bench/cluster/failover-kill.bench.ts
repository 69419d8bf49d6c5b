// kill -9 of a silo: from the signal to the first success of each of its grains.
import type { Bench } from '../bench.ts';
import { openFailover } from '../subjects/failover.ts';

export const bench: Bench = {
  name: 'failover-kill',
  title: 'kill -9 of one of three silos with 10,000 grains: to the first success of each, p99',
  file: import.meta.url,
  unit: 'ms',
  work: { fixed: 10_000, smoke: 100 },
  contestants: [{ name: 'granary', label: 'granary, three silos', open: openFailover('kill') }],
  targets: [
    { of: 'granary', atMost: 1_500 },
    { of: 'granary', note: 'longest', atMost: 3_000, isForEach: true },
  ],
  processes: 'fresh',
  roundsMax: 5,
};
