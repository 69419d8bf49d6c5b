// Asks the grains what they have counted, and compares it with the fold over the file.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../../lib/index.ts';
import type { GranaryClient } from '../../client/node.ts';
import type { AirportStats, Expected, Flight } from './flights.ts';

export interface Board {
  readonly count: number;
  readonly worst: readonly Pick<Flight, 'date' | 'origin' | 'destination' | 'delay'>[];
}

export interface SampleResult {
  readonly airports: ReadonlyMap<string, AirportStats>;
  readonly board: Board;
  /** What differs from the fold, in words; empty when everything was counted once. */
  readonly problems: readonly string[];
}

/** How long the board may take to hear of the last delays: it is told after the airports' commits. */
const BOARD_WAIT_MS = 30_000;
const BOARD_LOOK_MS = 50;

export async function askGrains(
  client: GranaryClient,
  expected: Expected,
  clock: Clock,
): Promise<SampleResult> {
  const keys = [...expected.airports.keys()];
  const airport = client.core('airport');
  const askAll = (flow: string): Promise<unknown[]> =>
    Promise.all(keys.map(async (key) => await airport.get(key)[flow]?.()));
  const [stats, destinations] = await Promise.all([askAll('stats'), askAll('destinations')]);
  const airports = new Map(keys.map((key, index) => [key, stats[index] as AirportStats]));
  const board = await settledBoard(client, expected.delayedCount, clock);
  const problems = keys.flatMap((key, index) => [
    ...differences(`airport ${key}`, expected.airports.get(key), stats[index]),
    ...differences(`destinations of ${key}`, expected.destinations.get(key), destinations[index]),
  ]);
  problems.push(...differences('delays on the board', expected.delayedCount, board.count));
  return { airports, board, problems };
}

async function settledBoard(client: GranaryClient, wanted: number, clock: Clock): Promise<Board> {
  const untilMs = clock.nowMs() + BOARD_WAIT_MS;
  for (;;) {
    const board = (await client.core('board').get()['show']?.()) as Board;
    if (board.count >= wanted || clock.nowMs() >= untilMs) return board;
    await new Promise<void>((resolve) => clock.setTimer(BOARD_LOOK_MS, resolve));
  }
}

function differences(what: string, wanted: unknown, found: unknown): string[] {
  if (isDeepStrictEqual(wanted, found)) return [];
  return [`${what}: expected ${JSON.stringify(wanted)}, the grain says ${JSON.stringify(found)}`];
}
