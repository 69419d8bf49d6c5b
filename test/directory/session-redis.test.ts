// Sessions on a real Redis: the scripts, and the guardian's thread (system-guardian.ts, G1 to G4).
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import {
  openGuardedSession,
  openRedisClient,
  type RedisClient,
  RedisKeys,
  RedisLockNode,
  SessionJudge,
  sessionTiming,
  type SessionTimingOptions,
  type SiloSession,
  untilUp,
} from '../../directory/index.ts';
import type { Logger } from '../../lib/index.ts';
import { systemClock, systemRng } from '../../lib/internal.ts';
import { needsRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { macrotask } from '../support/system-macrotask.ts';

const CLUSTER = 'test';
const keys = new RedisKeys(CLUSTER);
const quiet = (): void => undefined;

/** Keeps the main loop busy: nothing else of this process runs, except other threads. */
function block(ms: number): void {
  const untilMs = systemClock.nowMs() + ms;
  while (systemClock.nowMs() < untilMs);
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await macrotask();
}

needsRedis('Sessions on Redis', () => {
  let redis: RedisServer;
  let client: RedisClient;
  let node: RedisLockNode;
  let incarnation: string;
  let logged: string[];
  let sessions: SiloSession[] = [];
  const log: Logger = { debug: quiet, info: quiet, warn: quiet, error: (_fields, text) => logged.push(text) };

  before(async () => {
    redis = await startRedis();
    client = openRedisClient({ url: redis.url }, { log: { ...log, error: quiet } });
    await untilUp(client);
    node = new RedisLockNode(client, keys);
  });
  after(async () => {
    await client.close();
    await redis.dispose();
  });
  beforeEach(() => {
    incarnation = systemRng.hex(16);
    logged = [];
  });
  afterEach(async () => {
    await Promise.all(sessions.map((session) => session.end()));
    sessions = [];
  });

  /** Milliseconds that the session has left, asked without the help of this process' loop; below 0: it is gone. */
  function leftMs(): number {
    const args = ['-p', `${redis.port}`, 'PTTL', keys.session(incarnation)];
    return Number(spawnSync('redis-cli', args, { encoding: 'utf8' }).stdout);
  }

  function open(times: SessionTimingOptions, confirm?: () => Promise<boolean>): [SiloSession, string[]] {
    const session = openGuardedSession({
      incarnation,
      cluster: CLUSTER,
      nodes: [{ url: redis.url }],
      timing: sessionTiming(times),
      clock: systemClock,
      log,
      ...(confirm ? { confirm } : {}),
    });
    sessions.push(session);
    const told: string[] = [];
    session.onLapsed(() => told.push('lapsed'));
    session.onRegained(() => told.push('regained'));
    session.onDead(() => told.push('dead'));
    return [session, told];
  }

  async function started(
    times: SessionTimingOptions,
    confirm?: () => Promise<boolean>,
  ): Promise<[SiloSession, string[]]> {
    const opened = open(times, confirm);
    await opened[0].start();
    opened[1].length = 0;
    return opened;
  }

  it('scripts, through the life of a session, take, extend, bury and end it', async () => {
    assert.equal(await node.look(incarnation), 'absent');
    assert.equal(await node.renew(incarnation, 10_000), 'held');
    assert.equal(await node.look(incarnation), 'alive');
    assert.ok(leftMs() > 5_000 && leftMs() <= 10_000);
    assert.equal(await node.renew(incarnation, 60_000), 'held');
    assert.ok(leftMs() > 10_000);
    await node.end(incarnation);
    assert.equal(await node.look(incarnation), 'absent');
    assert.equal(await node.renew(incarnation, 1), 'held');
    await until(async () => (await node.look(incarnation)) === 'absent');
    assert.equal(await node.renew(incarnation, 10_000), 'held', 'a lapse is a pause');
    await node.tombstone(incarnation);
    assert.equal(await node.renew(incarnation, 10_000), 'dead');
    await node.end(incarnation);
    assert.equal(await node.look(incarnation), 'dead');
    assert.ok(leftMs() > 3_000_000);
  });

  it('scripts, forgotten by the server, are loaded and run', async () => {
    await client.call('SCRIPT', ['FLUSH']);
    assert.equal(await node.renew(incarnation, 10_000), 'held');
  });

  it('main loop, busy for a second with a TTL of 2.5 s, is renewed meanwhile and notices nothing', async () => {
    const [session, told] = await started({ ttlMs: 2_500 });
    block(1_000);
    const left = leftMs();
    assert.ok(left > 1_700, `renewed during the block: ${left} ms left`);
    assert.ok(systemClock.nowMs() < session.untilMs);
    const before = session.untilMs;
    await until(() => session.untilMs > before);
    assert.deepEqual(told, []);
    const gainedMs = session.untilMs - systemClock.nowMs();
    assert.ok(gainedMs > 1_500 && gainedMs <= 2_225, `clocks of both threads agree: ${gainedMs}`);
  });

  it('main loop, stuck for longer than the bound and a TTL, loses the session, then has the same one again', async () => {
    const [session, told] = await started({ ttlMs: 500 });
    block(1_500);
    assert.ok(leftMs() < 0, 'nobody renewed it');
    assert.ok(systemClock.nowMs() >= session.untilMs);
    await until(() => told.includes('regained'));
    assert.deepEqual(told, ['lapsed', 'regained']);
    assert.ok(systemClock.nowMs() < session.untilMs && leftMs() > 0);
  });

  it('Redis, killed and back without its data, is a pause that the view has to confirm', async () => {
    let asked = 0;
    const [session, told] = await started({ ttlMs: 500 }, async () => {
      asked += 1;
      return true;
    });
    await redis.kill9();
    await until(() => told.length > 0);
    await redis.restart({ withoutData: true });
    await until(() => told.length > 1);
    assert.deepEqual([told, asked], [['lapsed', 'regained'], 1]);
    assert.ok(systemClock.nowMs() < session.untilMs && leftMs() > 0);
    await untilUp(client);
  });

  it('buried, is dead, and stays so', async () => {
    const [session, told] = await started({ ttlMs: 500 });
    const timing = sessionTiming({ ttlMs: 500 });
    const judge = new SessionJudge({ nodes: [node], clock: systemClock, timing });
    assert.equal(await judge.hasLapsed(incarnation), 'alive');
    assert.equal(await judge.bury(incarnation), true);
    await until(() => session.isDead);
    assert.deepEqual(told, ['lapsed', 'dead']);
    await session.end();
    assert.equal(await node.look(incarnation), 'dead');
    judge.close();
  });

  it('end, removes the session', async () => {
    const [session] = await started({ ttlMs: 10_000 });
    await session.end();
    assert.equal(session.untilMs, -Infinity);
    assert.equal(await node.look(incarnation), 'absent');
  });

  it('the thread, ended by itself, is replaced and keeps the same incarnation alive', async () => {
    const created: Worker[] = [];
    const remember = (worker: Worker): void => void created.push(worker);
    process.on('worker', remember);
    const [session, told] = await started({ ttlMs: 10_000 });
    const [thread] = created;
    assert.ok(thread);
    await thread.terminate();
    const before = session.untilMs;
    await until(() => session.untilMs > before);
    process.off('worker', remember);
    assert.deepEqual(logged, ['session.guardian_restarted']);
    assert.deepEqual([told, created.length], [[], 2]);
  });

  it('no Redis there, fails the start with what stood in the way', async () => {
    const session = openGuardedSession({
      incarnation,
      cluster: CLUSTER,
      nodes: [{ url: 'redis://127.0.0.1:1' }],
      timing: sessionTiming({ startMs: 200 }),
      clock: systemClock,
      log,
    });
    await assert.rejects(session.start(), {
      code: 'ERR_CLUSTER_FAILED',
      message: /the lock node gave no answer/,
    });
    await session.end();
  });

  it('an address that is none, fails the start', async () => {
    const session = openGuardedSession({
      incarnation,
      cluster: CLUSTER,
      nodes: [{ url: 'nonsense' }],
      timing: sessionTiming(),
      clock: systemClock,
      log,
    });
    await assert.rejects(session.start(), { code: 'ERR_CLUSTER_FAILED' });
    assert.deepEqual(logged, ['session.guardian_failed']);
  });

  it('a process with nothing else to do, holding its session, ends', async () => {
    const index = new URL('../../directory/index.ts', import.meta.url).href;
    const lib = new URL('../../lib/internal.ts', import.meta.url).href;
    const code = `
      import { openGuardedSession, sessionTiming } from '${index}';
      import { systemClock } from '${lib}';
      const quiet = () => undefined;
      const session = openGuardedSession({
        incarnation: '${incarnation}', cluster: '${CLUSTER}', nodes: [{ url: '${redis.url}' }],
        timing: sessionTiming({ ttlMs: 30_000 }), clock: systemClock,
        log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      });
      await session.start();
      process.stdout.write('held');
    `;
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 15_000,
    });
    let said = '';
    child.stdout.on('data', (chunk) => (said += String(chunk)));
    const [exit] = await once(child, 'close');
    assert.deepEqual([exit, said], [0, 'held']);
    assert.ok(leftMs() > 0, 'it was not given up');
  });
});
