import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { ClusterOptions } from '../../gateway/granary.ts';
import {
  readWitness,
  resolveClusterOptions,
  shownRedis,
  witnessFile,
  writeWitness,
} from '../../gateway/internal.ts';
import { Cleanup } from '../support/real-host.ts';

const GENERATION = 'ab'.repeat(16);

describe('Cluster options', () => {
  it('nothing said: a cluster on this machine', () => {
    const options = resolveClusterOptions({});
    const { cluster, redis, linkHost, advertiseHost, linkPort, sessionTtlMs, onDataLoss, data } = options;
    assert.deepEqual(
      { cluster, redis, linkHost, advertiseHost, linkPort, sessionTtlMs, onDataLoss, data },
      {
        cluster: 'granary',
        redis: 'redis://127.0.0.1:6379',
        linkHost: '127.0.0.1',
        advertiseHost: '127.0.0.1',
        linkPort: 0,
        sessionTtlMs: 2_500,
        onDataLoss: 'refuse',
        data: '.granary',
      },
    );
  });

  const REFUSED: readonly (readonly [what: string, options: ClusterOptions, says: RegExp])[] = [
    ['an option that nobody knows', { linkPrt: 1 } as ClusterOptions, /did you mean linkPort/],
    ['a name that keys cannot carry', { cluster: 'a b' }, /a b is no name/],
    ['links that leave the machine in clear text', { linkHost: '10.0.0.1' }, /linkTls.*--insecure-links/],
    ['the same, seen from outside', { advertiseHost: 'silo-1.example' }, /leave this machine/],
    ['an address that nobody can dial', { linkHost: '0.0.0.0', insecureLinks: true }, /advertiseHost/],
    ['an even number of lock nodes', { lockNodes: ['redis://a', 'redis://b'] }, /1, 3 or 5/],
    ['a secret that can be guessed', { linkSecret: 'secret' }, /at least 16 characters/],
    ['a Redis without an address', { redis: 'localhost' }, /URLs like redis:/],
    ['Sentinels without a group', { redis: { sentinels: [{ host: 'a', port: 1 }] } as never }, /redis.name/],
    ['a group with a slip', { redis: { nodes: [], pasword: 'x' } as never }, /did you mean password/],
    ['a session that a pause would end', { sessionTtlMs: 100 }, /sessionTtlMs must be/],
    [
      'a file that is not there',
      { linkTls: { cert: '/no', key: '/no', ca: '/no' } },
      /linkTls.cert: cannot read \/no/,
    ],
  ];
  for (const [what, options, says] of REFUSED) {
    it(`${what}: refused, and says what to do`, () => {
      assert.throws(() => resolveClusterOptions(options), says);
    });
  }

  it('links that leave the machine: allowed when the operator says so', () => {
    const { advertiseHost } = resolveClusterOptions({
      linkHost: '0.0.0.0',
      advertiseHost: '10.0.0.1',
      insecureLinks: true,
    });
    assert.equal(advertiseHost, '10.0.0.1');
  });

  it('a server as it is shown, has no password, nor has what is refused', () => {
    assert.equal(shownRedis('rediss://user:pa55@host:6380/2'), 'rediss://host:6380/2');
    assert.equal(shownRedis({ sentinels: [{ host: 'a', port: 1 }], name: 'm' }), 'Sentinels a:1 (m)');
    assert.equal(shownRedis({ nodes: [{ host: 'a', port: 1 }], password: 'pa55' }), 'Redis Cluster a:1');
    assert.throws(
      () => resolveClusterOptions({ redis: 'redis//:pa55@host' }),
      (error: Error) => !error.message.includes('pa55'),
    );
  });
});

describe('Witness file', () => {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  it('written, it is read again; nothing else is left', () => {
    const folder = path.join(cleanup.folder(), 'new');
    assert.equal(readWitness(folder, 'c'), undefined);
    writeWitness(folder, { cluster: 'c', generation: 'first' });
    writeWitness(folder, { cluster: 'c', generation: GENERATION });
    writeWitness(folder, { cluster: 'other', generation: 'x' });
    assert.deepEqual(readWitness(folder, 'c'), { cluster: 'c', generation: GENERATION });
    assert.deepEqual(readdirSync(folder).sort(), ['cluster-c.json', 'cluster-other.json']);
  });

  it('damaged, it is an error, not a machine that was in no cluster', () => {
    const folder = cleanup.folder();
    writeWitness(folder, { cluster: 'c', generation: GENERATION });
    const file = witnessFile(folder, 'c');
    for (const text of [
      readFileSync(file, 'utf8').slice(0, 20),
      'null',
      '{"cluster":"d","generation":"x"}',
    ]) {
      writeFileSync(file, text);
      assert.throws(() => readWitness(folder, 'c'), /cluster-c\.json is damaged/);
    }
  });

  it('in a folder that cannot be written, names the file', () => {
    const file = path.join(cleanup.folder(), 'file');
    writeFileSync(file, '');
    assert.throws(
      () => writeWitness(file, { cluster: 'c', generation: 'g' }),
      /cannot use .*cluster-c\.json/,
    );
  });
});
