import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { askRaw, needsRedis, startRedis } from '../support/redis-server.ts';

needsRedis('Redis servers of the tests', () => {
  it('Restart: with AOF, has its data; without data, has none; disposed, its folder is gone', async () => {
    const server = await startRedis({ appendfsync: 'always' });
    try {
      assert.equal(await askRaw(server.port, 'SET k v'), '+OK\r\n');
      await server.kill9();
      await server.restart();
      assert.equal(await askRaw(server.port, 'GET k'), '$1\r\nv\r\n');
      await server.restart({ withoutData: true });
      assert.equal(await askRaw(server.port, 'GET k'), '$-1\r\n');
    } finally {
      await server.dispose();
    }
    assert.equal(existsSync(server.dir), false);
    assert.equal(await askRaw(server.port, 'PING'), '');
  });
});
