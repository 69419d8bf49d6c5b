import assert from 'node:assert/strict';
import { checkRedis, type RedisClient, type RedisReport } from '../../directory/index.ts';
import { GrainError } from '../../lib/index.ts';
import { TestLog } from '../gateway/http/support.ts';
import { needsRedis, type RedisServerOptions, startRedis } from '../support/redis-server.ts';
import { connectRedis } from './redis-support.ts';

async function check(options: RedisServerOptions, alter?: (client: RedisClient) => Promise<unknown>) {
  const server = await startRedis(options);
  const client = await connectRedis({ url: server.url });
  const log = new TestLog();
  try {
    await alter?.(client);
    const result: RedisReport | unknown = await checkRedis(client, log).catch((error: unknown) => error);
    return { result, warned: log.lines.length };
  } finally {
    await client.close();
    await server.dispose();
  }
}

needsRedis('Check of a Redis server', () => {
  it('A policy that evicts: with and without a bound, is refused by the name of the setting', async () => {
    for (const args of [
      ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru'],
      ['--maxmemory-policy', 'volatile-ttl'],
    ]) {
      const { result } = await check({ args });
      assert(result instanceof GrainError);
      assert.equal(result.code, 'ERR_STORE_UNSAFE');
      assert.equal(result.details['setting'], 'maxmemory-policy');
      assert.match(result.message, /noeviction/);
    }
  });

  it('Persistence: always, everysec, without fsync and none, is told with what it means', async () => {
    const always = await check({ appendfsync: 'always', args: ['--maxmemory', '64mb'] });
    assert.deepEqual(
      { ...(always.result as RedisReport), version: '' },
      {
        version: '',
        persistence: 'always',
        maxMemoryBytes: 64 * 1024 * 1024,
        isComplete: true,
        warnings: [],
      },
    );
    assert.equal(always.warned, 0);
    const others: readonly [RedisServerOptions, string, RegExp][] = [
      [{ appendfsync: 'everysec' }, 'everysec', /last 2 s/],
      [{ appendfsync: 'always', args: ['--appendfsync', 'no'] }, 'no', /appendfsync no/],
      [{ appendfsync: 'no' }, 'no', /appendonly yes/],
    ];
    for (const [options, persistence, warning] of others) {
      const { result, warned } = await check(options);
      const report = result as RedisReport;
      assert.equal(report.persistence, persistence);
      assert.match(report.warnings.join(), warning);
      assert.equal(warned, 1);
    }
  });

  it('CONFIG forbidden: the policy is still seen, what is not known is told', async () => {
    const forbid = (client: RedisClient): Promise<unknown> =>
      client.call('ACL', ['SETUSER', 'default', '-config']);
    const { result } = await check({ appendfsync: 'always' }, forbid);
    const report = result as RedisReport;
    assert.deepEqual([report.isComplete, report.persistence], [false, 'everysec']);
    assert.match(report.warnings.join(), /not known/);
    const evicting = await check({ args: ['--maxmemory-policy', 'allkeys-random'] }, forbid);
    assert(evicting.result instanceof GrainError && evicting.result.code === 'ERR_STORE_UNSAFE');
  });

  it('An old version: is refused', async () => {
    const client = {
      call: async () => Buffer.from('# Server\r\nredis_version:6.0.16\r\n'),
    } as unknown as RedisClient;
    await assert.rejects(checkRedis(client), { code: 'ERR_STORE_UNSAFE', message: /6\.0\.16 is too old/ });
  });
});
