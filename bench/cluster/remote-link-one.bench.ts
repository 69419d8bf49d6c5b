// Asks from process to process, one after the other: the time until the answer is there.
import { type Bench, check, type Contestant, type ContestantSpec, timed } from '../bench.ts';
import { type Asker, openFloorAsker, openLinkAsker } from '../subjects/remote-echo.ts';
import { at, keysOf } from '../subjects/totals.ts';

function askOnce(asker: Asker, key: string, amount: number): Promise<void> {
  return new Promise((resolve) => {
    asker.ask(key, amount, (answered) => {
      check(answered === amount, `asked with ${amount}, answered ${answered}`);
      resolve();
    });
  });
}

function asking(name: string, label: string, openAsker: () => Promise<Asker>): ContestantSpec {
  const open = async (): Promise<Contestant> => {
    const asker = await openAsker();
    const keys = keysOf(1_000);
    return {
      async run(count) {
        const times: number[] = [];
        const sample = await timed(async () => {
          for (let call = 0; call < count; call += 1) {
            const startMs = performance.now();
            await askOnce(asker, at(keys, call % keys.length), call);
            times.push(performance.now() - startMs);
          }
          return count;
        });
        times.sort((left, right) => left - right);
        const p99 = at(times, Math.floor(times.length * 0.99));
        return { ...sample, value: at(times, times.length >> 1), notes: { 'p99 ms': p99 } };
      },
      close: () => asker.close(),
    };
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'remote-link-one',
  title: 'Remote ask of links alone: one in flight, median time',
  file: import.meta.url,
  unit: 'ms',
  work: { step: 500 },
  contestants: [
    asking('granary', 'granary, links', openLinkAsker),
    asking('floor', 'TCP, msgpackr, batched per tick', openFloorAsker),
  ],
  targets: [{ of: 'granary', beside: 'floor', atMost: 1.5 }],
};
