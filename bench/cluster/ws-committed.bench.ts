// WebSocket event to acknowledgement on the embedded store: an ack means that the event is on disk.
import path from 'node:path';
import { type Bench, checkEqual, type Contestant, type Setting, timed } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { BatchedStore } from '../subjects/batched-store.ts';
import { openGrainStream, STREAM_LOAD } from '../subjects/stream-servers.ts';

const IN_FLIGHT = STREAM_LOAD.sockets * STREAM_LOAD.inFlight;
const GRAINS = STREAM_LOAD.sockets * STREAM_LOAD.keysPerSocket;
/** About what a grain's values and one mark of it take. */
const VALUE_BYTES = 120;
const MARK_BYTES = 20;

/** As many writes under way as the sockets have events, over as many grains; each of a row and a mark. */
async function openStore({ scratch }: Setting): Promise<Contestant> {
  const store = new BatchedStore(path.join(scratch, 'lmdb'));
  const totals = new Array<number>(GRAINS).fill(0);
  const write = (index: number): Promise<void> => {
    const grain = index % GRAINS;
    const total = (totals[grain] ?? 0) + 1;
    totals[grain] = total;
    const value = Buffer.alloc(VALUE_BYTES);
    const mark = Buffer.alloc(MARK_BYTES);
    value.writeDoubleLE(total);
    mark.writeDoubleLE(total);
    return store.write([
      { key: `default/meter/${grain}`, value },
      { key: `default/meter/${grain}/mark`, value: mark },
    ]);
  };
  return await Promise.resolve({
    async run(count: number) {
      const sample = await timed(() => byCallers(count, IN_FLIGHT, write));
      totals.forEach((total, grain) => {
        const found = store.read(`default/meter/${grain}`)?.readDoubleLE() ?? 0;
        checkEqual(found, total, `stored total of grain ${grain}`);
      });
      return sample;
    },
    close: () => store.close(),
  });
}

export const bench: Bench = {
  name: 'ws-committed',
  title: 'WebSocket event to ack, 50 sockets x 16 in flight, committed on the embedded store',
  file: import.meta.url,
  unit: 'rate',
  work: { step: GRAINS },
  contestants: [
    {
      name: 'granary',
      label: 'granary, committed',
      open: ({ scratch }) => openGrainStream('committed', path.join(scratch, 'granary')),
    },
    { name: 'volatile', label: 'granary, volatile', open: () => openGrainStream('volatile', 'memory') },
    { name: 'lmdb', label: 'lmdb alone, batched writes, no sockets', open: openStore },
  ],
  targets: [{ of: 'granary', beside: 'volatile', atLeast: 0.7 }],
};
