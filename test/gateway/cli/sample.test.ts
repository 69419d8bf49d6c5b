import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cleanUp, runCli, SpawnedCli, tempFolder } from './spawned-cli.ts';

const ONCE = ['sample', '--once', '--port', '0', '--data', 'data'];

/** What is the same for every right run: the tables and the verdict, not the speed. */
function tableOf(out: string): string {
  return out.slice(0, out.indexOf('\n', out.indexOf('checked:')));
}

/** Starts the job and kills it without a word when so many events are acknowledged. */
async function killAt(folder: string, count: number): Promise<SpawnedCli> {
  const cli = new SpawnedCli(ONCE, { folder });
  for (let least = 0; least < count;) {
    const seen = [...cli.err.matchAll(/ ([\d,]+) \/ 20,000 events/g)].length;
    await cli.saw(new RegExp(`(?: [\\d,]+ / 20,000 events[^]*?){${seen + 1}}`));
    const counts = [...cli.err.matchAll(/ ([\d,]+) \/ 20,000 events/g)];
    least = Number(counts.at(-1)?.[1]?.replaceAll(',', ''));
  }
  cli.kill('SIGKILL');
  assert.equal(await cli.ended, 'SIGKILL');
  return cli;
}

describe('Command line: sample', function () {
  this.timeout(120_000);
  after(cleanUp);

  it('killed at several points and run again, ends with the table of an undisturbed run', async () => {
    const calm = await runCli(ONCE, { folder: tempFolder() });
    assert.equal(calm.code, 0, calm.err);
    assert.match(calm.out, /checked: 20,000 flights of 220 airports/);

    const folder = tempFolder();
    for (const count of [1, 4_000, 11_000, 17_500]) await killAt(folder, count);
    const last = await runCli(ONCE, { folder });
    assert.equal(last.code, 0, last.err + last.out);
    assert.match(last.err, /going on where it stopped/);
    assert.match(last.out, /events that were left|Everything had been sent before/);
    assert.equal(tableOf(last.out), tableOf(calm.out));

    const again = await runCli(ONCE, { folder });
    assert.equal(again.code, 0, again.err);
    assert.match(again.err, /Erasing the figures of the run before/);
    assert.equal(tableOf(again.out), tableOf(calm.out));
  });

  it('an event counted twice is found, named, and ends with exit code 1', async () => {
    const folder = tempFolder();
    await killAt(folder, 4_000);
    // A client that forgets how far it came sends the first flights a second time.
    const file = path.join(folder, 'data/job.json');
    const state = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...state, position: undefined }));
    const result = await runCli(ONCE, { folder });
    assert.equal(result.code, 1);
    assert.match(result.out, /wrong: \d+ figures differ[^]*the grain says/);
  });

  it('a session that is gone, for its store was replaced, starts the job anew', async () => {
    const folder = tempFolder();
    await killAt(folder, 4_000);
    const state = readFileSync(path.join(folder, 'data/job.json'), 'utf8');
    const other = tempFolder();
    await runCli(ONCE, { folder: other });
    writeFileSync(path.join(other, 'data/job.json'), state);
    const result = await runCli(ONCE, { folder: other });
    assert.equal(result.code, 0, result.err + result.out);
    assert.match(result.err, /session of the earlier run is gone: starting anew/);
  });
});
