import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  cleanUp,
  COUNTER,
  devHost,
  type RunningHost,
  runCli,
  SpawnedCli,
  tempFolder,
} from './spawned-cli.ts';

const KEYS = ['a', 'b', 'c'];
const line = (index: number): string => `${JSON.stringify({ name: KEYS[index % 3], by: 1, index })}\n`;
const lines = (count: number): string =>
  Array.from({ length: count }, (_unused, index) => line(index)).join('');

describe('Command line: send', function () {
  this.timeout(60_000);
  let folder: string;
  let host: RunningHost;

  before(async () => {
    folder = tempFolder({ 'counter.ts': COUNTER });
    host = await devHost(['counter.ts'], { folder });
  });
  after(cleanUp);

  const args = (file: string, ...more: string[]): string[] => [
    ...['send', file, '--core', 'counter', '--event', 'hit', '--url', host.url],
    ...more,
  ];
  async function totals(): Promise<number> {
    const counts = await Promise.all(
      KEYS.map(async (key) => {
        const response = await fetch(`${host.url}/v1/cores/counter/instances/${key}/flows/read`, {
          method: 'POST',
        });
        return ((await response.json()) as { data: number }).data;
      }),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  it('killed twice in the middle, the third run ends with each event counted once', async () => {
    const before = await totals();
    writeFileSync(path.join(folder, 'kill.jsonl'), lines(6_000));
    for (const share of [20, 60]) {
      const cli = new SpawnedCli(args('kill.jsonl', '--rate', '3000'), { folder });
      await cli.saw(new RegExp(` ${share} %  `));
      cli.kill('SIGKILL');
      await cli.ended;
    }
    const last = await runCli(args('kill.jsonl', '--json'), { folder });
    assert.equal(last.code, 0, last.err);
    const { settled, settled_now: now } = JSON.parse(last.out) as Record<string, number>;
    assert.equal(settled, 6_000);
    assert.ok((now ?? 0) < 3_600, `it sent ${now} again`);
    assert.equal((await totals()) - before, 6_000);
    const again = await runCli(args('kill.jsonl'), { folder });
    assert.match(again.out, /All 6,000 events of kill\.jsonl were sent before/);
    assert.equal((await totals()) - before, 6_000);
  });

  it('stopped with Ctrl-C, exits with 1 and the same command goes on', async () => {
    const before = await totals();
    writeFileSync(path.join(folder, 'stop.jsonl'), lines(2_000));
    const cli = new SpawnedCli(args('stop.jsonl', '--rate', '2000'), { folder });
    await cli.saw(/ 30 % {2}/);
    cli.kill('SIGINT');
    assert.equal(await cli.ended, 1);
    assert.match(cli.err, /goes on from there/);
    assert.equal((await runCli(args('stop.jsonl'), { folder })).code, 0);
    assert.equal((await totals()) - before, 2_000);
  });

  it('while the host is restarted, waits and goes on', async () => {
    const before = await totals();
    writeFileSync(path.join(folder, 'wait.jsonl'), lines(2_000));
    const cli = new SpawnedCli(args('wait.jsonl', '--rate', '2000'), { folder });
    await cli.saw(/ 25 % {2}/);
    host.cli.kill('SIGKILL');
    await host.cli.ended;
    await cli.saw(/waiting for the gateway/);
    const port = new URL(host.url).port;
    const again = new SpawnedCli(['dev', '--json', '--port', port, 'counter.ts'], { folder });
    await again.saw(/"url"/);
    host = { ...host, cli: again };
    assert.equal(await cli.ended, 0, cli.err);
    assert.equal((await totals()) - before, 2_000);
  });

  it('lines that are refused are told with their numbers, the others are sent, and it ends with 1', async () => {
    const before = await totals();
    const bad = ['nonsense\n', '{"by":1}\n', '\n', '{"name":"a","by":"x"}\n', line(0).trimEnd()];
    writeFileSync(path.join(folder, 'bad.jsonl'), lines(2) + bad.join(''));
    const { code, err, out } = await runCli(args('bad.jsonl'), { folder });
    assert.equal(code, 1);
    assert.match(err, /line 3: ERR_BODY_INVALID: not JSON/);
    assert.match(err, /line 4: ERR_KEY_REQUIRED: the line has no name/);
    assert.match(err, /line 6: ERR_FLOW_REFUSED: by must be a number/);
    assert.match(err, /3 lines were refused/);
    assert.match(out, /^4 events/);
    assert.equal((await totals()) - before, 3);
    const { out: json } = await runCli(args('bad.jsonl', '--json'), { folder });
    const { refusals } = JSON.parse(json) as { refusals: { line: number }[] };
    assert.deepEqual(
      refusals.map((refusal) => refusal.line),
      [3, 4, 6],
    );
  });

  it('a file that grew is sent from where it ended before; --restart sends all of it', async () => {
    const before = await totals();
    writeFileSync(path.join(folder, 'grow.jsonl'), lines(10));
    await runCli(args('grow.jsonl'), { folder });
    appendFileSync(path.join(folder, 'grow.jsonl'), lines(5));
    assert.equal((await runCli(args('grow.jsonl'), { folder })).code, 0);
    assert.equal((await totals()) - before, 15);
    await runCli(args('grow.jsonl', '--restart'), { folder });
    assert.equal((await totals()) - before, 30);
    await runCli(args('grow.jsonl', '--from', '15'), { folder });
    assert.equal((await totals()) - before, 31);
  });

  it('an event that is larger than a frame may be is refused without losing or doubling its neighbours', async () => {
    const before = await totals();
    const large = `${JSON.stringify({ name: 'a', pad: 'x'.repeat(1_100_000) })}\n`;
    const medium = `${JSON.stringify({ name: 'b', pad: 'x'.repeat(50_000) })}\n`;
    writeFileSync(
      path.join(folder, 'large.jsonl'),
      lines(300) + large + medium + lines(700) + large + lines(1_000),
    );
    for (const refused of [301, 1_003]) {
      const cli = new SpawnedCli(args('large.jsonl', '--rate', '2000'), { folder });
      await cli.saw(new RegExp(`line ${refused}: ERR_FRAME_TOO_LARGE`));
      cli.kill('SIGKILL');
      await cli.ended;
    }
    const { code, out, err } = await runCli(args('large.jsonl', '--json'), { folder });
    assert.equal(code, 1, err);
    const { refusals } = JSON.parse(out) as { refusals: { line: number }[] };
    assert.deepEqual(
      refusals.map((refusal) => refusal.line),
      [301, 1_003],
    );
    assert.equal((await totals()) - before, 2_001);
  });

  it('with a session that is gone, names the line and sends nothing, however often, until it is told to', async () => {
    writeFileSync(path.join(folder, 'gone.jsonl'), `nonsense\n${lines(2_000)}`);
    const cli = new SpawnedCli(args('gone.jsonl', '--rate', '2000'), { folder });
    await cli.saw(/ 85 % {2}/);
    cli.kill('SIGKILL');
    await cli.ended;
    host.cli.kill('SIGKILL');
    await host.cli.ended;
    const { port } = new URL(host.url);
    const other = new SpawnedCli(['dev', '--json', '--port', port, '--data', 'other', 'counter.ts'], {
      folder,
    });
    await other.saw(/"url"/);
    host = { ...host, cli: other };
    for (let time = 0; time < 2; time += 1) {
      const { code, err } = await runCli(args('gone.jsonl'), { folder });
      assert.equal(code, 2);
      const [, from] = /ERR_SESSION_LOST: .* from line (\d+) on\..*--from LINE.*--restart/.exec(err) ?? [];
      assert.ok(Number(from) > 2 && Number(from) < 2_000, err);
      assert.equal(await totals(), 0);
    }
    assert.equal((await runCli(args('gone.jsonl', '--from', '1902'), { folder })).code, 0);
    assert.equal(await totals(), 100);
  });

  it('from standard input, says that it cannot be resumed', async () => {
    const before = await totals();
    const { code, err } = await runCli(args('-'), { folder, input: lines(50) });
    assert.equal(code, 0);
    assert.match(err, /cannot be resumed/);
    assert.equal((await totals()) - before, 50);
  });

  it('with nowhere to send to: exit code 2 and the nearest name', async () => {
    const target = ['--url', host.url];
    const cases: readonly (readonly [string[], RegExp])[] = [
      [['--core', 'countr', '--event', 'hit', ...target], /no Core countr; did you mean counter\?/],
      [['--core', 'counter', '--event', 'hat', ...target], /no event hat; did you mean hit\?/],
      [['--core', 'counter', '--event', 'hit', '--url', 'http://127.0.0.1:1'], /ERR_CONNECTION_FAILED/],
    ];
    for (const [more, said] of cases) {
      const { code, err } = await runCli(['send', 'counter.ts', ...more], { folder });
      assert.equal(code, 2, err);
      assert.match(err, said);
    }
  });
});
