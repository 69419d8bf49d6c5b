// Committed turns on Redis, appendfsync everysec: an answer means that Redis has the change, and writes it within a second.
import type { Bench } from '../bench.ts';
import { committedOn } from '../subjects/redis-committed.ts';

export const bench: Bench = {
  name: 'redis-committed-everysec',
  title: 'Committed turns on Redis, appendfsync everysec: 64 in flight, 1,000 keys',
  file: import.meta.url,
  unit: 'rate',
  ...committedOn('everysec'),
};
