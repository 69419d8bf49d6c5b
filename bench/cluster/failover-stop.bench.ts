// SIGSTOP of a silo, which keeps its sockets and says nothing: from the signal to the first success of each of its grains.
// It goes on afterwards, in the belief that it owns them; what each grain holds shows that it could change nothing.
import type { Bench } from '../bench.ts';
import { openFailover } from '../subjects/failover.ts';

export const bench: Bench = {
  name: 'failover-stop',
  title: 'SIGSTOP of one of three silos with 10,000 grains: to the first success of each, p99',
  file: import.meta.url,
  unit: 'ms',
  work: { fixed: 10_000, smoke: 100 },
  contestants: [{ name: 'granary', label: 'granary, three silos', open: openFailover('stop') }],
  // The session's TTL and a second.
  targets: [{ of: 'granary', atMost: 3_500 }],
  processes: 'fresh',
  roundsMax: 3,
};
