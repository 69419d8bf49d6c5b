// A process of its own on a data folder, for tests that kill it.
//   hold FOLDER           opens, says `open`, and waits for the end of its input
//   write FOLDER FIRST    opens and commits without end, saying `GRAIN COUNT` for each commit that is acknowledged
//   fill FOLDER           commits 100 KB to one grain after the other until it fails, forgets half of them, goes on
import { writeSync } from 'node:fs';
import { systemClock, systemRng } from '../../../lib/internal.ts';
import { GrainError } from '../../../lib/index.ts';
import { type Claim, type GrainCommit, type LmdbStorage, openLmdbStorage } from '../../../silo/internal.ts';
import {
  claimer,
  commitOf,
  emissionOf,
  GRAIN,
  hand,
  kindOf,
  markOf,
  partialCommit,
  push,
  set,
} from '../../contract/storage-harness.ts';

const [mode, folder = ''] = process.argv.slice(2);
const GRAINS = 20;

/** To the kernel at once: what was said is not lost with the process. */
function say(text: string): void {
  writeSync(1, `${text}\n`);
}

async function write(storage: LmdbStorage): Promise<void> {
  const who = claimer(`process ${process.pid}`);
  for (let at = 0; at < GRAINS; at += 1) {
    const grain = { tenant: 'default', core: 'counter', key: `g${at}` };
    const outcome = await storage.claim(grain, { ...who, activation: at });
    if (outcome.kind !== 'claimed') throw new Error(`claim of ${grain.key}: ${outcome.kind}`);
    const before = Number(outcome.memory.values['count'] ?? 0);
    for (let ahead = 1; ahead <= 4; ahead += 1) commitNext(storage, outcome.claim, before, ahead);
  }
}

/** Four commits of each grain are under way at any time. */
function commitNext(storage: LmdbStorage, claim: Claim, before: number, number: number): void {
  const count = before + number;
  const { key } = claim.address.grain;
  const commit = commitOf(number, {
    values: [count, 'x'.repeat(count % 500)],
    collections: [push('log', count), set('by', `k${count % 10}`, count)],
    marks: [markOf('session', count, systemClock.wallMs())],
    emissions: [emissionOf(count)],
    emissionsKept: 1_000_000,
  });
  storage.commit(claim, commit, ({ kind }) => {
    if (kind !== 'done') throw new Error(`commit ${count} of ${key}: ${kind}`);
    say(`${key} ${count}`);
    commitNext(storage, claim, before, number + 4);
  });
}

/** Claims a grain and hands over its first commit; the outcome in words. */
async function first(storage: LmdbStorage, key: string, commit: GrainCommit): Promise<string> {
  const outcome = await storage.claim({ ...GRAIN, key }, claimer(`process ${process.pid}`));
  if (outcome.kind !== 'claimed') throw new Error(`claim of ${key}: ${outcome.kind}`);
  const ended = kindOf(await hand(storage, outcome.claim, commit));
  storage.release(outcome.claim);
  return ended;
}

async function fill(storage: LmdbStorage): Promise<void> {
  const note = 'x'.repeat(100_000);
  const listed = (): number => storage.listGrains(GRAIN.tenant, GRAIN.core, '', 10_000).length;
  let stored = 0;
  let outcome = 'done';
  for (; outcome === 'done'; stored += 1)
    outcome = await first(storage, `g${stored}`, commitOf(1, { values: [1, note] }));
  stored -= 1;
  say(`full ${stored} ${outcome}`);
  say(`again ${await first(storage, 'more', commitOf(1, { values: [1, note] }))}`);
  say(`kept ${listed()}`);
  for (let at = 0; at < stored; at += 2) {
    // Erasing needs a page or two itself: it may take some attempts until pages of earlier ones are free.
    say(`erase ${await first(storage, `g${at}`, partialCommit(1, { forget: true }))}`);
  }
  say(`after ${await first(storage, 'more', commitOf(1, { values: [2, note] }))}`);
  say(`kept ${listed()}`);
  await storage.close();
  say('closed');
}

try {
  const storage = await openLmdbStorage({ path: folder, clock: systemClock, rng: systemRng });
  say('open');
  if (mode === 'write') await write(storage);
  if (mode === 'fill') await fill(storage);
  else process.stdin.resume().once('end', () => void storage.close().then(() => process.exit(0)));
} catch (thrown) {
  if (!(thrown instanceof GrainError)) throw thrown;
  say(`${thrown.code} ${thrown.message}`);
}
