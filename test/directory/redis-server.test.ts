import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { needsRedis, startRedis } from '../support/redis-server.ts';

/** The first line of the answer to one inline command. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    socket.once('error', reject);
    socket.once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString('latin1').trimEnd());
    });
  });
}

needsRedis('Redis servers of the tests', () => {
  it('Restart: with AOF, has its data; without data, has none; disposed, its folder is gone', async () => {
    const server = await startRedis({ appendfsync: 'always' });
    try {
      assert.equal(await ask(server.port, 'SET k v'), '+OK');
      await server.kill9();
      await server.restart();
      assert.equal(await ask(server.port, 'GET k'), '$1\r\nv');
      await server.restart({ withoutData: true });
      assert.equal(await ask(server.port, 'GET k'), '$-1');
    } finally {
      await server.dispose();
    }
    assert.equal(existsSync(server.dir), false);
    await assert.rejects(ask(server.port, 'PING'));
  });
});
