// The guardian's thread: see system-guardian.ts. Ends by itself, once told so or when the session is dead or was not taken.
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { type Clock, fromUnknown, type Logger } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { RedisKeys } from '../redis/redis-keys.ts';
import { openRedisClient } from '../redis/system-redis-client.ts';
import { CELLS, type FromThread, type LogLevel, type ThreadData } from './guardian-messages.ts';
import { LeaseRenewer } from './lease-renewer.ts';
import { RedisLockNode } from './redis-lock-node.ts';

assert(parentPort, 'runs in a thread');
const port = parentPort;
const post = (message: FromThread): void => port.postMessage(message);

/** The clock that all threads have: `nowMs` of the system's clock counts from the start of each thread. */
const clock: Clock = { ...systemClock, nowMs: () => Number(process.hrtime.bigint()) / 1e6 };

const logAs =
  (level: LogLevel) =>
  (fields: object, message: string): void => {
    try {
      post({ kind: 'log', level, fields, message });
    } catch {
      // Something in the fields can't be sent.
      post({ kind: 'log', level, fields: {}, message });
    }
  };
const log: Logger = {
  debug: logAs('debug'),
  info: logAs('info'),
  warn: logAs('warn'),
  error: logAs('error'),
};

const { incarnation, cluster, nodes, timing, shared } = workerData as ThreadData;
const cells = new BigInt64Array(shared);
const keys = new RedisKeys(cluster);
const clients = nodes.map((options) => openRedisClient(options, { log }));
const renewer = new LeaseRenewer({
  incarnation,
  nodes: clients.map((client) => new RedisLockNode(client, keys)),
  clock,
  timing,
  beat: () => Number(Atomics.load(cells, CELLS.beat)),
});

let knownUntilMs = -Infinity;
renewer.onChange(() => {
  if (renewer.isDead) {
    post({ kind: 'dead' });
    void close();
    return;
  }
  const wasLapsed = clock.nowMs() >= knownUntilMs;
  knownUntilMs = renewer.untilMs;
  Atomics.store(cells, CELLS.untilUs, BigInt(Math.floor(knownUntilMs * 1e3)));
  if (wasLapsed) post({ kind: 'changed' });
});

let closing: Promise<void> | undefined;
function close(): Promise<void> {
  closing ??= (async () => {
    await renewer.end();
    await Promise.all(clients.map((client) => client.close()));
    port.close();
  })();
  return closing;
}

port.once('message', () => void close());
renewer.acquire().then(
  () => post({ kind: 'acquired' }),
  (error: unknown) => {
    post({ kind: 'failed', message: fromUnknown(error).message });
    void close();
  },
);
