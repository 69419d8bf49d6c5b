import assert from 'node:assert/strict';
import {
  cleanUp,
  type CliResult,
  COUNTER,
  devHost,
  type RunningHost,
  runCli,
  tempFolder,
} from './spawned-cli.ts';

describe('Command line: call, inspect, top, doctor, help', function () {
  this.timeout(60_000);
  let folder: string;
  let host: RunningHost;

  before(async () => {
    folder = tempFolder({ 'counter.ts': COUNTER });
    host = await devHost(['counter.ts'], { folder });
  });
  after(cleanUp);

  const run = (...args: string[]): Promise<CliResult> =>
    runCli(args, { folder, env: { GRANARY_URL: host.url } });

  it('call: prints the result; with --id the same command runs once; input from standard input', async () => {
    const first = await run('call', 'counter/one', 'add', '{"by":2}', '--id', 'x1');
    assert.deepEqual([first.code, first.out], [0, '2\n']);
    const second = await run('call', 'counter/one', 'add', '{"by":2}', '--id', 'x1', '--json');
    assert.deepEqual(JSON.parse(second.out), { status: 'ok', data: 2 });
    const env = { GRANARY_URL: host.url };
    const third = await runCli(['call', 'counter/one', 'add', '-'], { folder, env, input: '{"by":10}' });
    assert.equal(third.out, '12\n');
    const slash = await run('call', 'counter/a/b c', 'add');
    assert.equal(slash.out, '1\n');
  });

  it('call: a refusal is exit code 1 with its code, wrong input and no host are 2', async () => {
    const refused = await run('call', 'counter/one', 'add', '{"by":"x"}');
    assert.equal(refused.code, 1);
    assert.match(refused.err, /ERR_FLOW_REFUSED: by must be a number/);
    const input = await run('call', 'counter/one', 'add', 'x');
    assert.equal(input.code, 2);
    assert.match(input.err, /not JSON/);
    const nobody = await run('call', 'counter/one', 'add', '--url', 'http://127.0.0.1:1');
    assert.equal(nobody.code, 2);
    assert.match(nobody.err, /ERR_CONNECTION_FAILED[^]*granary dev/);
  });

  it('inspect: Cores, the grains of one, one grain; in JSON, too', async () => {
    await run('call', 'counter/seen', 'add');
    assert.match((await run('inspect')).out, /counter +1\.0\.0 +entity +committed +add read +hit/);
    const core = await run('inspect', 'counter');
    assert.match(core.out, /one per name[^]*read \(readonly\)[^]*hit -> add[^]*seen +active/);
    assert.match((await run('inspect', 'counter/seen')).out, /counter\/seen is active on silo, epoch \d+/);
    assert.match((await run('inspect', 'counter/unseen')).out, /not in memory/);
    const { out } = await run('inspect', 'counter/seen', '--json');
    assert.equal((JSON.parse(out) as { key: string }).key, 'seen');
    const unknown = await run('inspect', 'nope');
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /ERR_CORE_UNKNOWN/);
  });

  it('top --once: one picture with the hottest grains; --json one line with rates', async () => {
    await run('call', 'counter/hot', 'add');
    const picture = await run('top', '--once');
    assert.equal(picture.code, 0, picture.err);
    assert.match(picture.out, /turns\/s[^]*commits\/s[^]*loop delay[^]*heap[^]*Hottest/);
    const { load, silos } = JSON.parse((await run('top', '--once', '--json')).out) as {
      load: Record<string, number>;
      silos: unknown[];
    };
    assert.ok((load['heapBytes'] ?? 0) > 1_000_000);
    assert.equal(silos.length, 1);
  });

  it('doctor: a line for each finding with what to do, exit code 1 when something fails', async () => {
    const fine = await run('doctor', '--data', 'fresh');
    assert.equal(fine.code, 0, fine.out);
    assert.match(fine.out, /ok +node[^]*ok +data +fresh will be made[^]*ok +host .* answers; Cores: counter/);
    const held = await run('doctor', '--json');
    const findings = held.out
      .split('\n')
      .flatMap((text) => (text === '' ? [] : [JSON.parse(text) as { check: string }]));
    const data = findings.find(({ check }) => check === 'data') as
      { status: string; message: string } | undefined;
    assert.equal(data?.status, 'warn');
    assert.match(data.message, /ERR_STORE_LOCKED/);
    const bad = await run('doctor', '--data', 'counter.ts', '--url', 'http://127.0.0.1:1');
    assert.equal(bad.code, 1);
    assert.match(bad.out, /fail +data +counter\.ts: it is not a folder\n +next:/);
    assert.match(bad.out, /fail +host +ERR_CONNECTION_FAILED/);
  });

  it('help: every command has one with an example; --version is the one of the package', async () => {
    const all = await run('--help');
    assert.equal(all.code, 0);
    for (const command of ['dev', 'call', 'send', 'inspect', 'top', 'doctor']) {
      assert.match(all.out, new RegExp(`^  ${command} `, 'm'));
      const { code, out } = await run(command, '--help');
      assert.equal(code, 0);
      assert.match(out, /Examples?:\n {2}\$ granary/);
    }
    assert.match((await run('--version')).out, /^\d+\.\d+\.\d+\n$/);
    const slip = await run('inspct');
    assert.equal(slip.code, 2);
    assert.match(slip.err, /unknown command 'inspct'[^]*inspect/);
  });
});
