// Asks from process to process, 512 at a time over 1,000 keys: what links cost, without a silo behind them.
import { type Bench, check, type Contestant, type ContestantSpec, timed } from '../bench.ts';
import { type Asker, openFloorAsker, openLinkAsker } from '../subjects/remote-echo.ts';
import { at, keysOf } from '../subjects/totals.ts';

const IN_FLIGHT = 512;
const KEYS = 1_000;

/** Asks `count` times, so many at a time; every answer is compared with what was sent. */
function ask(asker: Asker, keys: readonly string[], count: number): Promise<number> {
  return new Promise((resolve) => {
    let sent = 0;
    let done = 0;
    const next = (): void => {
      const amount = sent;
      sent += 1;
      asker.ask(at(keys, amount % keys.length), amount, (answered) => {
        check(answered === amount, `asked with ${amount}, answered ${answered}`);
        done += 1;
        if (sent < count) next();
        else if (done === count) resolve(done);
      });
    };
    while (sent < Math.min(IN_FLIGHT, count)) next();
  });
}

function asking(name: string, label: string, openAsker: () => Promise<Asker>): ContestantSpec {
  const open = async (): Promise<Contestant> => {
    const asker = await openAsker();
    const keys = keysOf(KEYS);
    return { run: (count) => timed(() => ask(asker, keys, count)), close: () => asker.close() };
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'remote-link',
  title: 'Remote ask of links alone: 512 in flight, 1,000 keys',
  file: import.meta.url,
  unit: 'rate',
  work: { step: 1_000 },
  contestants: [
    asking('granary', 'granary, links', openLinkAsker),
    asking('floor', 'TCP, msgpackr, batched per tick', openFloorAsker),
  ],
  targets: [{ of: 'granary', beside: 'floor', atLeast: 0.75 }],
};
