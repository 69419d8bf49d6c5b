// `granary silo` and `granary gateway` before there is a cluster: settings, help, and why they do not start.
import assert from 'node:assert/strict';
import { freePort } from '../../support/redis-server.ts';
import { cleanUp, COUNTER, devHost, runCli, tempFolder } from './spawned-cli.ts';

const ROLES = [
  ['silo', ['counter.ts']],
  ['gateway', []],
] as const;

describe('Command line: silo and gateway', function () {
  this.timeout(60_000);
  after(cleanUp);

  for (const [role, files] of ROLES) {
    it(`${role} --help: says how to run a cluster by hand`, async () => {
      const { code, out } = await runCli([role, '--help'], { folder: tempFolder() });
      assert.equal(code, 0);
      assert.match(out, /\$ redis-server --port 6379 --appendonly yes/);
      assert.equal(out.match(/\$ granary silo counter\.ts --name [abc]/g)?.length, 3);
      assert.match(out, /\$ granary gateway --port 7400/);
    });

    it(`${role}, Redis is not there: ends with 2, a code and what to do, without the password`, async () => {
      const folder = tempFolder({ 'counter.ts': COUNTER });
      const redis = `redis://user:pa55word@127.0.0.1:${await freePort()}`;
      const { code, out, err } = await runCli([role, ...files, '--redis', redis], { folder });
      assert.equal(code, 2, err);
      assert.equal(out, '');
      assert.match(err, /ERR_STORE_UNAVAILABLE: .*127\.0\.0\.1:\d+/);
      assert.match(err, /next: .*redis-server/);
      assert.doesNotMatch(err, /pa55word/);
    });

    it(`${role}, a slip in the file: ends with 2 and names the nearest key`, async () => {
      const folder = tempFolder({ 'counter.ts': COUNTER, 'granary.config.json': '{"lockNode": []}' });
      const { code, err } = await runCli([role, ...files, '--json'], { folder });
      assert.equal(code, 2);
      const { error } = JSON.parse(err) as { error: { code: string; message: string } };
      assert.equal(error.code, 'ERR_CONFIG_INVALID');
      assert.match(error.message, /did you mean lockNodes\?/);
    });
  }

  it('silo, links beyond loopback: refused without TLS', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const { code, err } = await runCli(['silo', 'counter.ts', '--link-host', '0.0.0.0'], {
      folder,
      env: { GRANARY_ADVERTISE_HOST: '10.1.2.3' },
    });
    assert.equal(code, 2);
    assert.match(err, /ERR_CONFIG_INVALID: Links of 0\.0\.0\.0 leave this machine.*linkTls/);
  });

  it('dev, with settings of a cluster in the same file: takes its own', async () => {
    const config = {
      redis: 'redis://127.0.0.1:1',
      cluster: 'c',
      name: 'n',
      sessionTtlMs: 2_000,
      healthPort: 1,
    };
    const folder = tempFolder({ 'counter.ts': COUNTER, 'granary.config.json': JSON.stringify(config) });
    const { cli } = await devHost(['counter.ts'], { folder });
    cli.kill('SIGTERM');
    assert.equal(await cli.ended, 0);
  });
});
