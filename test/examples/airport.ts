// One grain per airport, fed by a stream of flights, and one board for all of them. `npm start` runs it on 20,000 real
// flights. In a project of your own the import reads `from 'granary'`.
import { z } from 'zod';
import { defineCore, entity, map, singleton, value } from '../../gateway/granary.ts';

const flight = z.object({
  date: z.string(),
  origin: z.string(),
  destination: z.string(),
  /** Minutes; negative when it left early. */
  delay: z.number(),
  distance: z.number(),
});

const delayed = flight.pick({ date: true, origin: true, destination: true, delay: true });
export type Delayed = z.infer<typeof delayed>;

/** Minutes from which on a delay goes on the board. */
const BOARD_MINUTES = 60;
const BOARD_ROWS = 10;

export const airport = defineCore({
  name: 'airport',
  version: '1.0.0',
  schema: 1,
  description: 'Counts the flights that leave one airport, and how late they were.',
  instance: entity({ entityKey: 'origin', idleTimeoutMs: 600_000 }),
  memory: {
    flights: 0,
    delayMinutes: 0,
    maxDelay: value<number | null>(null),
    last: value<string | null>(null),
    byDestination: map<number>(),
  },
  events: { flight: 'record' },
}).flows((flow) => ({
  record: flow({
    input: flight,
    description: 'One flight left.',
    run(ctx, { date, origin, destination, delay }) {
      const { memory } = ctx;
      memory.flights += 1;
      memory.delayMinutes += Math.max(0, delay);
      memory.maxDelay = Math.max(memory.maxDelay ?? delay, delay);
      memory.last = destination;
      memory.byDestination.increment(destination);
      if (delay >= BOARD_MINUTES) ctx.emit('delayed', { date, origin, destination, delay });
    },
  }),
  stats: flow({
    readonly: true,
    description: 'The figures so far.',
    run({ memory: { flights, delayMinutes, maxDelay, last } }) {
      return { flights, delayMinutes, maxDelay, last };
    },
  }),
  destinations: flow({
    readonly: true,
    description: 'How many flights went where.',
    async run({ memory }) {
      const counts: Record<string, number> = {};
      for await (const [destination, count] of memory.byDestination.entries()) counts[destination] = count;
      return counts;
    },
  }),
}));

export const board = defineCore({
  name: 'board',
  version: '1.0.0',
  description: 'The worst delays of all airports, told by the airports themselves.',
  instance: singleton(),
  memory: { count: 0, worst: value<readonly Delayed[]>([]) },
  on: { 'core://airport/delayed': 'note' },
}).flows((flow) => ({
  note: flow({
    input: delayed,
    run({ memory }, flightDelayed) {
      memory.count += 1;
      const worst = [...memory.worst, flightDelayed].sort((left, right) => right.delay - left.delay);
      memory.worst = worst.slice(0, BOARD_ROWS);
    },
  }),
  show: flow({
    readonly: true,
    description: 'The worst delays, the longest first.',
    run({ memory: { count, worst } }) {
      return { count, worst };
    },
  }),
  clear: flow({
    description: 'Wipes the board.',
    run: (ctx) => ctx.forget(),
  }),
}));
