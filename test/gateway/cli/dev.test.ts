import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
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

async function call(host: RunningHost, flow: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${host.url}/v1/cores/counter/instances/a/flows/${flow}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body ?? {}),
  });
  const { data, error } = (await response.json()) as { data?: unknown; error?: { code: string } };
  return error ? error.code : data;
}

/** As editors do: a new file in the place of the old one. */
function replaceFile(folder: string, name: string, text: string): void {
  writeFileSync(path.join(folder, `${name}.new`), text);
  renameSync(path.join(folder, `${name}.new`), path.join(folder, name));
}

describe('Command line: dev', function () {
  this.timeout(60_000);
  after(cleanUp);

  it('with --json: the first line says where, a call works, SIGTERM ends with 0 and memory stays', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const host = await devHost(['counter.ts'], { folder });
    const [line] = host.cli.out.split('\n');
    const said = JSON.parse(line ?? '') as Record<string, unknown>;
    assert.deepEqual(Object.keys(said), ['url', 'stream', 'pid']);
    assert.equal(said['stream'], `${host.url.replace('http', 'ws')}/v1/stream`);
    assert.equal(said['pid'], host.cli.child.pid);
    assert.equal(await call(host, 'add', { by: 5 }), 5);
    host.cli.kill('SIGTERM');
    assert.equal(await host.cli.ended, 0);
    const again = await devHost(['counter.ts'], { folder });
    assert.equal(await call(again, 'read'), 5);
    assert.deepEqual(readdirSync(folder).sort(), ['.granary', 'counter.ts']);
  });

  it('killed with SIGKILL, what was answered is there at the next start', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const host = await devHost(['counter.ts'], { folder });
    assert.equal(await call(host, 'add', { by: 7 }), 7);
    host.cli.kill('SIGKILL');
    await host.cli.ended;
    const again = await devHost(['counter.ts'], { folder });
    assert.equal(await call(again, 'read'), 7);
  });

  it('a changed file is loaded, memory stays; a broken one is told with its line, and changes nothing', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const host = await devHost(['counter.ts'], { folder });
    await call(host, 'add', { by: 5 });
    assert.equal(await call(host, 'reset'), 'ERR_FLOW_UNKNOWN');

    const reset = '  reset: flow({ run: (ctx) => (ctx.memory.count = -1) }),\n  read: flow';
    const changed = COUNTER.replace("'1.0.0'", "'1.1.0'").replace('  read: flow', reset);
    replaceFile(folder, 'counter.ts', changed);
    await host.cli.saw(/cores\.reloaded/);
    assert.match(host.cli.err, /1\.0\.0 -> 1\.1\.0.*\+reset/);
    assert.equal(await call(host, 'read'), 5);

    replaceFile(folder, 'counter.ts', `${changed}const x: = 1;\n`);
    await host.cli.saw(/ERR_CORE_FILE.*counter\.ts:\d+:10: Unexpected/);
    assert.equal(await call(host, 'reset'), -1);

    replaceFile(folder, 'counter.ts', changed.replace("'add' }", "'nope' }"));
    await host.cli.saw(/ERR_CORE_FILE.*counter\.ts:\d+:\d+: Core counter: events\['hit'\] names nope/);
    assert.equal(await call(host, 'read'), -1);
  });

  it('a file that a Core imports is followed, and only what needs it is replaced', async () => {
    const other = COUNTER.replaceAll('counter', 'other');
    const step = "import { step } from './step';\n";
    const folder = tempFolder({
      'step.ts': 'export const step = 10;\n',
      'counter.ts': step + COUNTER.replace('by = 1 }', 'by = step }'),
      'other.ts': other,
    });
    const host = await devHost(['counter.ts', 'other.ts'], { folder });
    assert.equal(await call(host, 'add'), 10);
    replaceFile(folder, 'step.ts', 'export const step = 100;\n');
    const [line] = await host.cli.saw(/^.*cores\.reloaded.*$/m);
    const { changes } = JSON.parse(line) as { changes: { name: string }[] };
    assert.deepEqual(
      changes.map(({ name }) => name),
      ['counter'],
    );
    assert.equal(await call(host, 'add'), 110);
  });

  it('a file that is new in a folder is hosted', async () => {
    const folder = tempFolder({ 'other.ts': COUNTER.replaceAll('counter', 'other') });
    const host = await devHost(['.'], { folder });
    assert.equal(await call(host, 'read'), 'ERR_CORE_UNKNOWN');
    writeFileSync(path.join(folder, 'counter.ts'), COUNTER);
    await host.cli.saw(/"kind":"added".*cores\.reloaded/);
    assert.equal(await call(host, 'read'), 0);
  });

  it('for people: a banner with the URLs, the Cores and a curl line; Ctrl-C stops in order', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const cli = new SpawnedCli(['dev', 'counter.ts', '--port', '0', '--data', 'memory'], { folder });
    await cli.saw(/Ctrl-C stops/);
    assert.match(cli.out, /HTTP +http:\/\/127\.0\.0\.1:\d+\n/);
    assert.match(cli.out, /WebSocket +ws:\/\/127\.0\.0\.1:\d+\/v1\/stream\n/);
    assert.match(cli.out, /counter 1\.0\.0 +one per name +add read +counter\.ts/);
    assert.match(cli.out, /curl http:\/\/127\.0\.0\.1:\d+\/v1\/cores\/counter\/instances\/one\/flows\/add/);
    // eslint-disable-next-line no-control-regex -- colours are what must not be there
    assert.doesNotMatch(cli.out, /\u001b/);
    cli.kill('SIGINT');
    assert.equal(await cli.ended, 0);
    assert.match(cli.err, /Stopping/);
  });

  it('a second Ctrl-C ends it at once, although a flow runs', async () => {
    const slow =
      "    ctx.log.info({}, 'flow.entered');\n      await new Promise((resolve) => setTimeout(resolve, 60_000));";
    const core = COUNTER.replace('    run(ctx, input) {', `    async run(ctx, input) {\n  ${slow}`);
    const folder = tempFolder({ 'counter.ts': core });
    const cli = new SpawnedCli(['dev', 'counter.ts', '--port', '0', '--data', 'memory'], { folder });
    const [, url = ''] = await cli.saw(/HTTP +(http:\S+)/);
    const answer = call({ cli, url, pid: 0 }, 'add').catch(() => 'cut off');
    await cli.saw(/flow\.entered/);
    cli.kill('SIGINT');
    await cli.saw(/Stopping/);
    cli.kill('SIGINT');
    assert.equal(await cli.ended, 1);
    assert.equal(await answer, 'cut off');
  });

  it('what a flow leaves behind and fails later is logged, and the host stays up', async () => {
    const late =
      "setTimeout(() => { throw new Error('late throw'); }); void Promise.reject(new Error('late reject'));";
    const core = COUNTER.replace('    run(ctx, input) {', `    run(ctx, input) {\n      ${late}`);
    const host = await devHost(['counter.ts'], { folder: tempFolder({ 'counter.ts': core }) });
    assert.equal(await call(host, 'add'), 1);
    await host.cli.saw(/late throw/);
    await host.cli.saw(/late reject/);
    assert.equal(await call(host, 'read'), 1);
  });

  it('with --token, callers need it', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const host = await devHost(['counter.ts', '--token', 'secret'], { folder });
    assert.equal(await call(host, 'read'), 'ERR_AUTH_REQUIRED');
    const args = ['call', 'counter/a', 'read', '--url', host.url];
    assert.equal((await runCli(args, { folder })).code, 1);
    const { code, out } = await runCli([...args, '--token', 'secret'], { folder });
    assert.deepEqual([code, out], [0, '0\n']);
  });

  it('cannot start: exit code 2, a code, what happened and what to do', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER, 'none.ts': 'export const a = 1;\n' });
    const busy = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => busy.once('listening', resolve));
    const port = String((busy.address() as AddressInfo).port);
    const host = await devHost(['counter.ts', '--data', 'held'], { folder });
    const cases: readonly (readonly [string[], RegExp])[] = [
      [[], /ERR_CORES_MISSING[^]*next: name a file/],
      [['nothere.ts'], /ERR_FILE_UNREADABLE: there is no file nothere\.ts/],
      [['none.ts'], /ERR_CORES_MISSING: none\.ts exports no Core/],
      [['counter.ts', '--port', port], new RegExp(`ERR_LISTEN_FAILED: Port ${port} .*--port`)],
      [['counter.ts', '--data', 'held'], /ERR_STORE_LOCKED[^]*next: stop the other process/],
      [['counter.ts', '--host', '0.0.0.0'], /ERR_CONFIG_INVALID/],
      [['counter.ts', '--prot', '1'], /unknown option '--prot'[^]*--port/],
      [['counter.ts', '--port', 'x'], /whole number/],
    ];
    for (const [args, said] of cases) {
      const { code, err } = await runCli(['dev', ...args], { folder });
      assert.match(err, said);
      assert.equal(code, 2, args.join(' '));
    }
    host.cli.kill('SIGTERM');
    await host.cli.ended;
    busy.close();
  });

  it('on a damaged store: exit code 2, and the folder is left as it was', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const host = await devHost(['counter.ts'], { folder });
    await call(host, 'add');
    host.cli.kill('SIGTERM');
    await host.cli.ended;
    truncateSync(path.join(folder, '.granary/data.mdb'), 5_000);
    const { code, err } = await runCli(['dev', 'counter.ts', '--json'], { folder });
    assert.equal(code, 2);
    const { error } = JSON.parse(err) as { error: Record<string, string> };
    assert.equal(error['code'], 'ERR_STORE_CORRUPT');
    assert.match(error['next'] ?? '', /restore a copy/);
  });
});
