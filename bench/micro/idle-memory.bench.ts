// Heap that an idle activation keeps: key, tables, lists, directory entry.
import type { Bench } from '../bench.ts';
import { GRANARY, GRANARY_WRITTEN, NACT, OBJECT, TARGETS } from '../subjects/residents.ts';

export const bench: Bench = {
  name: 'idle-memory',
  title: 'Heap of one idle activation, 100,000 resident',
  file: import.meta.url,
  unit: 'bytes',
  work: { fixed: 100_000, smoke: 2_000 },
  contestants: [GRANARY, GRANARY_WRITTEN, OBJECT, NACT],
  targets: TARGETS,
  processes: 'fresh',
};
