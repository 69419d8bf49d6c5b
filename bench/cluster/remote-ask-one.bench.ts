// The same asks one after the other: the time until the answer is there.
import { type Bench, type Contestant, type ContestantSpec, type Setting, timed } from '../bench.ts';
import { quantileOf } from '../statistics.ts';
import { type Asks, KEYS, openBareAsks, openGrainAsks, openMoleculerAsks } from '../subjects/remote-asks.ts';

function asking(name: string, label: string, openAsks: (setting: Setting) => Promise<Asks>): ContestantSpec {
  const open = async (setting: Setting): Promise<Contestant> => {
    const asks = await openAsks(setting);
    return {
      async run(count) {
        const times = new Float64Array(count);
        const sample = await timed(async () => {
          for (let call = 0; call < count; call += 1) {
            const startMs = performance.now();
            await asks.ask(call % KEYS, call);
            times[call] = performance.now() - startMs;
          }
          return count;
        });
        return { ...sample, value: quantileOf(times, 0.5), notes: { p99: quantileOf(times, 0.99) } };
      },
      close: () => asks.close(),
    };
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'remote-ask-one',
  title: 'Ask from process to process: one in flight, median time',
  file: import.meta.url,
  unit: 'ms',
  work: { step: 500 },
  contestants: [
    asking('granary', 'granary, silo and caller', openGrainAsks),
    asking('floor', 'TCP, msgpackr, batched per tick', openBareAsks),
    asking('moleculer', 'moleculer, TCP transporter', openMoleculerAsks),
  ],
  targets: [{ of: 'granary', beside: 'floor', atMost: 1.5 }],
};
