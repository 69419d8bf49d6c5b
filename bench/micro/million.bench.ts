// One million activations in one process: made by a call each, counted, and some of them asked again.
import type { Bench } from '../bench.ts';
import { GRANARY, OBJECT, TARGETS } from '../subjects/residents.ts';

export const bench: Bench = {
  name: 'million',
  title: 'Heap of one idle activation, 1,000,000 resident in one process',
  file: import.meta.url,
  unit: 'bytes',
  work: { fixed: 1_000_000, smoke: 1_000 },
  contestants: [GRANARY, OBJECT],
  targets: TARGETS,
  processes: 'fresh',
  roundsMax: 1,
  isFullOnly: true,
};
