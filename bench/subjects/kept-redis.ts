// A Redis server for one contestant: on a free port, its data in the contestant's scratch folder. A process of its own
// keeps it, and ends it when the contestant ends, however that happens.
import path from 'node:path';
import { type RedisServerOptions, startRedis } from '../../test/support/redis-server.ts';
import type { Setting } from '../bench.ts';
import { Remote } from '../remote.ts';

export type Fsync = NonNullable<RedisServerOptions['appendfsync']>;

export interface KeptRedis {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

interface Keeper {
  address(): Pick<KeptRedis, 'url' | 'port'>;
  close(): Promise<void>;
}

/** Called in the keeper's process. */
export async function openKeeper(options: RedisServerOptions): Promise<Keeper> {
  const server = await startRedis(options);
  return { address: () => ({ url: server.url, port: server.port }), close: () => server.dispose() };
}

export async function keepRedis({ scratch }: Setting, appendfsync: Fsync): Promise<KeptRedis> {
  const options: RedisServerOptions = { appendfsync, dir: path.join(scratch, `redis-${process.pid}`) };
  const keeper = await Remote.open({ module: import.meta.url, exported: 'openKeeper', args: [options] });
  const address = await keeper.call<Pick<KeptRedis, 'url' | 'port'>>('address');
  return { ...address, close: () => keeper.close() };
}
