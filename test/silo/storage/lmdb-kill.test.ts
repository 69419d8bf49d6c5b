import assert from 'node:assert/strict';
import type { LmdbStorage } from '../../../silo/internal.ts';
import { claimer } from '../../contract/storage-harness.ts';
import { Folders } from './lmdb-harness.ts';

/** The greatest acknowledged count of each grain; the last line may be cut off. */
function acknowledged(lines: readonly string[], into: Map<string, number>): void {
  for (const line of lines) {
    const [, key, count] = /^(g\d+) (\d+)$/.exec(line) ?? [];
    if (key !== undefined) into.set(key, Math.max(into.get(key) ?? 0, Number(count)));
  }
}

/** Every grain is as after some whole commit that is not older than the last one that was acknowledged. */
async function check(storage: LmdbStorage, expected: ReadonlyMap<string, number>): Promise<void> {
  for (const [key, least] of expected) {
    const grain = { tenant: 'default', core: 'counter', key };
    const outcome = await storage.claim(grain, claimer());
    assert(outcome.kind === 'claimed');
    const { claim, memory } = outcome;
    const count = Number(memory.values['count']);
    assert(count >= least, `${key} has ${count}, ${least} was acknowledged`);
    assert.equal(memory.marks?.get('session')?.seq, count);
    assert.equal(memory.emitted, count);
    assert.equal(storage.listLength(claim, 'log'), count);
    assert.deepEqual(storage.readItems(claim, 'log', count - 1, count), [count]);
    assert.equal(storage.readEntry(claim, 'by', `k${count % 10}`), count);
    assert.equal(storage.readEmissions(grain, count - 1, 1).emissions[0]?.n, count);
    storage.release(claim);
  }
  checkLog(storage, expected);
}

function checkLog(storage: LmdbStorage, expected: ReadonlyMap<string, number>): void {
  const last = new Map<string, number>();
  for (let after = 0; ;) {
    const page = storage.readLog(after, 500);
    for (const { source, emission } of page.entries) {
      assert.equal(emission.n, (last.get(source.key) ?? 0) + 1, `${source.key}: the log has a hole`);
      last.set(source.key, emission.n);
    }
    if (page.last === after) break;
    after = page.last;
  }
  for (const [key, least] of expected) assert((last.get(key) ?? 0) >= least, `${key}: the log lost an event`);
}

describe('LmdbStorage: kill -9', () => {
  it('Writer killed in the middle, five times: everything that it acknowledged is there, and nothing in part', async () => {
    const folders = new Folders();
    try {
      const folder = folders.next();
      const expected = new Map<string, number>();
      for (const lines of [2, 60, 333, 1_000, 2_500]) {
        const child = folders.spawn('write', folder);
        await child.said(lines);
        await child.kill();
        assert.equal(child.lines[0], 'open', child.lines.join('\n').slice(0, 500));
        acknowledged(child.lines, expected);
        const storage = await folders.open(folder);
        await check(storage, expected);
        await storage.close();
      }
      assert.equal(expected.size, 20);
    } finally {
      await folders.dispose();
    }
  }).timeout(60_000);
});
