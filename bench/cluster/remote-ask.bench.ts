// Asks of grains in another process, 512 at a time over 1,000 keys: reference, router, link, mailbox, turn, and back.
import { type Bench, type Contestant, type ContestantSpec, type Setting, timed } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { type Asks, KEYS, openBareAsks, openGrainAsks, openMoleculerAsks } from '../subjects/remote-asks.ts';

const IN_FLIGHT = 512;

function asking(name: string, label: string, openAsks: (setting: Setting) => Promise<Asks>): ContestantSpec {
  const open = async (setting: Setting): Promise<Contestant> => {
    const asks = await openAsks(setting);
    return {
      async run(count) {
        const beforeMs = await asks.otherCpuMs?.();
        const sample = await timed(() => {
          return byCallers(count, IN_FLIGHT, (index) => asks.ask(index % KEYS, index));
        });
        const afterMs = await asks.otherCpuMs?.();
        if (beforeMs === undefined || afterMs === undefined) return sample;
        return { ...sample, notes: { 'CPU of the silo, us': ((afterMs - beforeMs) * 1_000) / count } };
      },
      close: () => asks.close(),
    };
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'remote-ask',
  title: 'Ask from process to process: 512 in flight, 1,000 keys',
  file: import.meta.url,
  unit: 'rate',
  work: { step: 1_000 },
  contestants: [
    asking('granary', 'granary, silo and caller', openGrainAsks),
    asking('floor', 'TCP, msgpackr, batched per tick', openBareAsks),
    asking('moleculer', 'moleculer, TCP transporter', openMoleculerAsks),
  ],
  targets: [
    { of: 'granary', beside: 'floor', atLeast: 0.6 },
    { of: 'granary', beside: 'moleculer', atLeast: 3 },
  ],
};
