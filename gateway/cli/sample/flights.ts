// The data of the sample job, and what it should come to: a plain fold over the file.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { GrainError } from '../../../lib/index.ts';

export interface Flight {
  readonly date: string;
  readonly origin: string;
  readonly destination: string;
  readonly delay: number;
  readonly distance: number;
}

export interface AirportStats {
  readonly flights: number;
  readonly delayMinutes: number;
  readonly maxDelay: number | null;
  readonly last: string | null;
}

export interface Expected {
  readonly airports: ReadonlyMap<string, AirportStats>;
  /** Airport → destination → flights. */
  readonly destinations: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** Flights that go on the board. */
  readonly delayedCount: number;
}

/** Minutes from which on the example puts a flight on its board. */
const BOARD_MINUTES = 60;

/** @throws ERR_FILE_UNREADABLE outside of a checkout */
export function exampleFile(): string {
  // From gateway/cli/sample, and from the same place in dist.
  const places = ['../../../test/examples/airport.ts', '../../../../test/examples/airport.ts'];
  const found = places
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((file) => existsSync(file));
  if (found !== undefined) return found;
  const message =
    'the sample job is part of the repository, not of the package: clone it and run `npm start`';
  throw new GrainError('ERR_FILE_UNREADABLE', { message });
}

/** @throws ERR_FILE_UNREADABLE */
export function readFlights(): readonly Flight[] {
  try {
    const main = createRequire(import.meta.url).resolve('vega-datasets');
    const file = path.join(path.dirname(main), '../data/flights-20k.json');
    return JSON.parse(readFileSync(file, 'utf8')) as readonly Flight[];
  } catch (thrown) {
    const message =
      'the flights of the sample job come from the package vega-datasets: install it with npm ci';
    throw new GrainError('ERR_FILE_UNREADABLE', { message }, { cause: thrown });
  }
}

export function foldFlights(flights: readonly Flight[]): Expected {
  const airports = new Map<string, AirportStats>();
  const destinations = new Map<string, Record<string, number>>();
  let delayedCount = 0;
  for (const { origin, destination, delay } of flights) {
    const old = airports.get(origin);
    airports.set(origin, {
      flights: (old?.flights ?? 0) + 1,
      delayMinutes: (old?.delayMinutes ?? 0) + Math.max(0, delay),
      maxDelay: Math.max(old?.maxDelay ?? delay, delay),
      last: destination,
    });
    const counts = destinations.get(origin) ?? {};
    counts[destination] = (counts[destination] ?? 0) + 1;
    destinations.set(origin, counts);
    if (delay >= BOARD_MINUTES) delayedCount += 1;
  }
  return { airports, destinations, delayedCount };
}
