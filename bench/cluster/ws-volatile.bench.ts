// WebSocket event to acknowledgement, nothing stored: what the gateway and a turn cost above parsing and answering JSON.
import type { Bench } from '../bench.ts';
import { openEcho, openGrainStream, STREAM_LOAD } from '../subjects/stream-servers.ts';

export const bench: Bench = {
  name: 'ws-volatile',
  title: 'WebSocket event to ack, 50 sockets x 16 in flight, volatile',
  file: import.meta.url,
  unit: 'rate',
  work: { step: STREAM_LOAD.sockets * STREAM_LOAD.keysPerSocket },
  contestants: [
    { name: 'granary', label: 'granary', open: () => openGrainStream('volatile', 'memory') },
    { name: 'echo', label: 'bare ws echo, JSON both ways', open: openEcho },
  ],
  targets: [{ of: 'granary', beside: 'echo', atLeast: 0.9 }],
};
