// `granary silo` and `granary gateway` with a real Redis, as somebody would start them by hand.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { needsRedis, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { cleanUp, COUNTER, runCli, SpawnedCli, tempFolder } from './spawned-cli.ts';

interface Line {
  readonly silo?: string;
  readonly incarnation?: string;
  readonly link?: string;
  readonly pid: number;
  readonly health?: string;
  readonly url?: string;
  readonly stream?: string;
}

async function firstLine(cli: SpawnedCli): Promise<Line> {
  const [line] = await cli.saw(/^\{"(silo|url)".*\}$/m);
  return JSON.parse(line) as Line;
}

async function status(url: string): Promise<number> {
  return (await fetch(url)).status;
}

needsRedis('Command line: a cluster on one machine', function (this: Mocha.Suite): void {
  this.timeout(90_000);
  let redis: RedisServer;

  before(async () => {
    redis = await startRedis();
  });
  after(async () => {
    cleanUp();
    await redis.dispose();
  });

  function spawn(folder: string, ...args: string[]): SpawnedCli {
    return new SpawnedCli([...args, '--redis', redis.url], { folder });
  }

  it('two silos and a gateway: first lines, health, a call over both, and stops that end with 0', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const common = ['--cluster', 'first', '--json'];
    // Nothing to go to yet: it waits for the silos.
    const gateway = spawn(folder, 'gateway', '--port', '0', ...common);
    const silos = ['a', 'b'].map((name) =>
      spawn(folder, 'silo', 'counter.ts', '--name', name, '--health-port', '0', ...common),
    );
    const lines = await Promise.all(silos.map(firstLine));
    for (const [index, { silo, incarnation, link, pid }] of lines.entries()) {
      assert.equal(silo, 'ab'[index]);
      assert.match(incarnation ?? '', /^[0-9a-f]{32}$/);
      assert.match(link ?? '', /^127\.0\.0\.1:\d+$/);
      assert.equal(pid, silos[index]?.child.pid);
    }
    const [first] = lines;
    assert.ok(first?.health);
    assert.equal(await status(`${first.health}/health`), 200);
    assert.equal(await status(`${first.health}/health/ready`), 200);
    assert.equal(await status(`${first.health}/else`), 404);

    const { url, stream } = await firstLine(gateway);
    assert.equal(stream, `${url?.replace('http', 'ws')}/v1/stream`);
    const call = async (key: string): Promise<unknown> => {
      const target = `${url}/v1/cores/counter/instances/${key}/flows/add`;
      const headers = { 'content-type': 'application/json' };
      return (
        (await (await fetch(target, { method: 'POST', headers, body: '{}' })).json()) as { data: unknown }
      ).data;
    };
    const keys = Array.from({ length: 20 }, (_none, index) => `k${index}`);
    assert.deepEqual(
      await Promise.all(keys.map(call)),
      keys.map(() => 1),
    );
    type Reports = readonly { readonly silo: string; readonly activations: number }[];
    const report = async (): Promise<Reports> => {
      const view = (await (await fetch(`${url}/v1/cluster`)).json()) as { data: { silos: Reports } };
      return view.data.silos;
    };
    // The gateway serves from its first link on: the other silo is reached by way of this one until it has its own.
    let reports = await report();
    while (reports.length < 2) reports = await report();
    assert.deepEqual(reports.map(({ silo }) => silo).sort(), ['a', 'b']);
    assert.ok(
      reports.every(({ activations }) => activations > 0),
      'both host some',
    );

    // One goes, its grains are there all the same.
    silos[0]?.kill('SIGTERM');
    assert.equal(await silos[0]?.ended, 0, silos[0]?.err);
    assert.deepEqual(
      await Promise.all(keys.map(call)),
      keys.map(() => 2),
    );
    for (const cli of [gateway, silos[1]]) {
      cli?.kill('SIGTERM');
      assert.equal(await cli?.ended, 0, cli?.err);
    }
    for (const line of silos[1]?.err.trim().split('\n') ?? [])
      assert.ok(JSON.parse(line), 'logs are JSON lines');
  });

  it('for people: a banner without the password, and words when it stops', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const cli = spawn(folder, 'silo', 'counter.ts', '--name', 'c', '--cluster', 'second');
    await cli.saw(/silo c is ready/);
    assert.match(cli.out, /Cluster +second/);
    assert.match(cli.out, /counter 1\.0\.0 +counter\.ts/);
    cli.kill('SIGINT');
    assert.equal(await cli.ended, 0);
    assert.match(cli.err, /Stopping: what runs is finished or handed over first/);
  });

  it('a gateway that waits for silos, asked to stop: ends with 0', async () => {
    const cli = spawn(tempFolder(), 'gateway', '--port', '0', '--cluster', 'nobody', '--json');
    await cli.saw(/gateway\.waiting/);
    cli.kill('SIGTERM');
    assert.equal(await cli.ended, 0);
    assert.equal(cli.out, '');
  });

  it('Redis without the data of the cluster: a start is refused with what to do, until the operator decides', async () => {
    const folder = tempFolder({ 'counter.ts': COUNTER });
    const args = ['silo', 'counter.ts', '--cluster', 'third', '--redis', redis.url];
    const before = new SpawnedCli([...args, '--json'], { folder });
    await firstLine(before);
    before.kill('SIGTERM');
    assert.equal(await before.ended, 0);
    const file = path.join(folder, '.granary/cluster-third.json');
    const witness = readFileSync(file, 'utf8');
    await redis.restart({ withoutData: true });

    const { code, err } = await runCli(args, { folder });
    assert.equal(code, 2);
    assert.match(err, /ERR_STORE_LOST: .*third/);
    assert.match(err, /next: bring back the data of Redis, or give it up with --on-data-loss start_empty/);
    assert.equal(readFileSync(file, 'utf8'), witness);

    const decided = new SpawnedCli([...args, '--on-data-loss', 'start_empty', '--json'], { folder });
    await firstLine(decided);
    assert.notEqual(readFileSync(file, 'utf8'), witness);
    decided.kill('SIGTERM');
    assert.equal(await decided.ended, 0);
  });

  it('a Redis that evicts keys: refused, and says which setting', async () => {
    const evicting = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    try {
      const folder = tempFolder({ 'counter.ts': COUNTER });
      const { code, err } = await runCli(['silo', 'counter.ts', '--redis', evicting.url], { folder });
      assert.equal(code, 2);
      assert.match(err, /ERR_STORE_UNSAFE: .*maxmemory-policy/);
    } finally {
      await evicting.dispose();
    }
  });
});
