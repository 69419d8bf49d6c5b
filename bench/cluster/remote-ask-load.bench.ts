// The same asks on a schedule of 70 % of what the contestant did at its peak a moment before: how late the slowest of a
// hundred answers is, counted from when its call was due.
import {
  type Bench,
  checkEqual,
  type Contestant,
  type ContestantSpec,
  cpuMsSince,
  type Setting,
} from '../bench.ts';
import { GrainError } from '../../lib/index.ts';
import { byCallers } from '../load/callers.ts';
import { onSchedule } from '../load/open-loop.ts';
import { quantileOf } from '../statistics.ts';
import { type Asks, KEYS, openBareAsks, openGrainAsks, openMoleculerAsks } from '../subjects/remote-asks.ts';

const IN_FLIGHT = 512;
const LOAD = 0.7;
/** Between a refusal and the next try. */
const REFUSED_MS = 5;

function asking(name: string, label: string, openAsks: (setting: Setting) => Promise<Asks>): ContestantSpec {
  const open = async (setting: Setting): Promise<Contestant> => {
    const asks = await openAsks(setting);
    const ask = (index: number): Promise<void> => asks.ask(index % KEYS, index);
    let refused = 0;
    const askUntilTaken = async (index: number): Promise<void> => {
      for (;;) {
        try {
          return await ask(index);
        } catch (error) {
          // After a stall of the machine more calls may be due than a link takes; each still counts from when it was due.
          if (!(error instanceof GrainError && error.effect === 'none')) throw error;
          refused += 1;
          await new Promise((resolve) => setTimeout(resolve, REFUSED_MS));
        }
      }
    };
    return {
      async run(count) {
        refused = 0;
        const startMs = performance.now();
        checkEqual(await byCallers(count, IN_FLIGHT, ask), count, 'asks at the peak');
        const peak = (count / (performance.now() - startMs)) * 1_000;
        const cpu = process.cpuUsage();
        const {
          answered: done,
          elapsedMs,
          latenciesMs,
        } = await onSchedule(count, peak * LOAD, askUntilTaken);
        return {
          done,
          elapsedMs,
          cpuMs: cpuMsSince(cpu),
          value: quantileOf(latenciesMs, 0.99),
          notes: {
            p50: quantileOf(latenciesMs, 0.5),
            refused,
            'peak /s': peak,
            'asked /s': peak * LOAD,
          },
        };
      },
      close: () => asks.close(),
    };
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'remote-ask-load',
  title: 'Ask from process to process: at 70 % of the peak, p99',
  file: import.meta.url,
  unit: 'ms',
  work: { step: 1_000 },
  contestants: [
    asking('granary', 'granary, silo and caller', openGrainAsks),
    asking('floor', 'TCP, msgpackr, batched per tick', openBareAsks),
    asking('moleculer', 'moleculer, TCP transporter', openMoleculerAsks),
  ],
  targets: [{ of: 'granary', atMost: 3 }],
};
