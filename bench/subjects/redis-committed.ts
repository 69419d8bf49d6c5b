// Committed turns on Redis, with so many under way over so many grains; and the floor, plain increments in Redis.
import { RedisKeys } from '../../directory/index.ts';
import { DEFAULT_TENANT } from '../../lib/index.ts';
import {
  type Bench,
  check,
  checkEqual,
  type Contestant,
  type Sample,
  type Setting,
  timed,
} from '../bench.ts';
import { askRaw } from '../../test/support/redis-server.ts';
import { byCallers } from '../load/callers.ts';
import { CLUSTER, closeAll, join, placeOf } from './cluster-members.ts';
import { type Fsync, keepRedis } from './kept-redis.ts';
import { METER, meterCore } from './meter.ts';
import { RawRedis } from './raw-redis.ts';
import { at, keysOf } from './totals.ts';

const IN_FLIGHT = 64;
const GRAINS = 1_000;

/** A silo in this process, which calls its own grains: nothing but turns and commits. */
async function openGrains(setting: Setting, fsync: Fsync): Promise<Contestant> {
  const redis = await keepRedis(setting, fsync);
  const core = meterCore({ level: 'committed' });
  const silo = await join(placeOf(setting, redis), [core]);
  const raw = await RawRedis.open(redis.port);
  const names = new RedisKeys(CLUSTER);
  const keys = keysOf(GRAINS);
  const refs = keys.map((key) => silo.client.ref(core, key, {}));
  let added = 0;
  return {
    async run(count) {
      const sample = await withTraffic(redis.port, () =>
        timed(() => byCallers(count, IN_FLIGHT, (index) => at(refs, index % GRAINS).add(1))),
      );
      added += count;
      let sum = 0;
      for (const ref of refs) sum += await ref.read();
      checkEqual(sum, added, 'sum of the totals');
      checkEqual(await commitsOf(raw, names, keys), added, 'commits that Redis has counted');
      return sample;
    },
    async close() {
      raw.close();
      await closeAll([redis, { close: () => silo.stop() }]);
    },
  };
}

interface Traffic {
  readonly reads: number;
  readonly bytes: number;
}

async function trafficOf(port: number): Promise<Traffic> {
  const text = await askRaw(port, 'INFO stats');
  const number = (name: string): number => Number(new RegExp(`${name}:(\\d+)`).exec(text)?.[1] ?? Number.NaN);
  return {
    reads: number('total_reads_processed'),
    bytes: number('total_net_input_bytes'),
  };
}

/** With what the server was asked for each unit: it flushes its file once for all that one look at its sockets read. */
async function withTraffic(port: number, work: () => Promise<Sample>): Promise<Sample> {
  const before = await trafficOf(port);
  const sample = await work();
  const after = await trafficOf(port);
  return {
    ...sample,
    notes: {
      'bytes sent each': (after.bytes - before.bytes) / sample.done,
      'units in a read': sample.done / (after.reads - before.reads),
    },
  };
}

/** Each activation numbers its commits in the head of its grain. */
async function commitsOf(raw: RawRedis, names: RedisKeys, keys: readonly string[]): Promise<number> {
  const numbers = await Promise.all(
    keys.map(async (key) => {
      const head = names.head({ tenant: DEFAULT_TENANT, core: METER, key });
      // An increment by 0, because it answers in one line.
      return numberIn(await raw.call('HINCRBY', head, 'n', '0'));
    }),
  );
  return numbers.reduce((sum, number) => sum + number, 0);
}

function numberIn(answer: string): number {
  check(answer.startsWith(':'), `Redis answered ${answer}, not a number`);
  return Number(answer.slice(1));
}

async function openIncrements(setting: Setting, fsync: Fsync): Promise<Contestant> {
  const redis = await keepRedis(setting, fsync);
  const raw = await RawRedis.open(redis.port);
  const keys = keysOf(GRAINS).map((key) => `plain:${key}`);
  const totals = new Array<number>(GRAINS).fill(0);
  return {
    run: (count) =>
      withTraffic(redis.port, () =>
        timed(() =>
          byCallers(count, IN_FLIGHT, async (index) => {
            const grain = index % GRAINS;
            const total = (totals[grain] ?? 0) + 1;
            totals[grain] = total;
            const answered = numberIn(await raw.call('HINCRBY', at(keys, grain), 'total', '1'));
            checkEqual(answered, total, `total of ${at(keys, grain)}`);
          }),
        ),
      ),
    async close() {
      raw.close();
      await redis.close();
    },
  };
}

/** The contestants and targets of committed turns with this setting of the server. */
export function committedOn(fsync: 'always' | 'everysec'): Pick<Bench, 'contestants' | 'targets' | 'work'> {
  return {
    work: { step: GRAINS },
    contestants: [
      { name: 'granary', label: 'granary, silo and Redis', open: (setting) => openGrains(setting, fsync) },
      {
        name: 'floor',
        label: 'plain HINCRBY, pipelined per tick',
        open: (setting) => openIncrements(setting, fsync),
      },
    ],
    targets: [{ of: 'granary', atLeast: 40_000 }],
  };
}
