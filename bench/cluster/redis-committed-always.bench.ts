// Committed turns on Redis, appendfsync always: an answer means that the change is on disk.
import type { Bench } from '../bench.ts';
import { committedOn } from '../subjects/redis-committed.ts';

export const bench: Bench = {
  name: 'redis-committed-always',
  title: 'Committed turns on Redis, appendfsync always: 64 in flight, 1,000 keys',
  file: import.meta.url,
  unit: 'rate',
  ...committedOn('always'),
};
