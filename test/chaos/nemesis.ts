// The nemesis: draws faults, one after the other and sometimes two at once, as long as it may.
import { randomBelow, type Rng } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { drawFault, type Fault, type FaultParts } from './faults.ts';
import { pause } from './member-process.ts';
import type { ServiceTimes } from './service-times.ts';

export interface NemesisOptions extends FaultParts {
  readonly times: ServiceTimes;
  readonly untilMs: number;
  /** Kinds of faults that may happen. */
  readonly kinds: readonly string[];
  /** Each kind of fault once, in an order that the seed chooses, before any is drawn by chance. */
  readonly isThorough: boolean;
  /** Longest quiet time between faults. */
  readonly pauseMostMs: number;
  readonly onFault: (fault: Fault) => void;
}

const TOGETHER = 0.2;
const PAUSE_LEAST_MS = 300;

export async function runNemesis(options: NemesisOptions): Promise<void> {
  const { rng, untilMs, pauseMostMs, kinds } = options;
  const first = options.isThorough ? shuffled(rng, kinds) : [];
  while (systemClock.nowMs() < untilMs) {
    await pause(PAUSE_LEAST_MS + randomBelow(rng, pauseMostMs - PAUSE_LEAST_MS));
    const next = first.shift();
    const fault = drawFault(options, next === undefined ? kinds : [next]);
    if (!fault) continue;
    const isTogether = rng.next() < TOGETHER;
    const second = isTogether ? drawFault(options, kinds) : undefined;
    const isApart = second && !second.victims.some((victim) => fault.victims.includes(victim));
    await Promise.all([inflict(options, fault), isApart ? inflict(options, second) : undefined]);
  }
}

async function inflict({ times, onFault }: NemesisOptions, fault: Fault): Promise<void> {
  onFault(fault);
  const record = times.begin(fault, systemClock.nowMs());
  await fault.run();
  record.endMs = systemClock.nowMs();
}

function shuffled(rng: Rng, kinds: readonly string[]): string[] {
  const order = [...kinds];
  for (let left = order.length - 1; left > 0; left -= 1) {
    const other = randomBelow(rng, left + 1);
    [order[left], order[other]] = [order[other] ?? '', order[left] ?? ''];
  }
  return order;
}
