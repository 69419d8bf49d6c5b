// The last phase: Redis comes back without its data. Nothing may go on as if nothing had been there (hazards.md 6).
import { existsSync, readFileSync } from 'node:fs';
import { connect, GrainError } from '../../gateway/client/node.ts';
import { systemClock } from '../../lib/internal.ts';
import type { account } from './chaos-cores.ts';
import type { ChaosCluster } from './chaos-cluster.ts';
import type { Losses } from './chaos-types.ts';
import type { Load } from './load.ts';
import { type MemberProcess, pause } from './member-process.ts';

export interface LossParts {
  readonly cluster: ChaosCluster;
  readonly load: Load;
  readonly violation: (kind: string, detail: string) => void;
}

/** Until the loss is noticed. */
const NOTICE_MAX_MS = 20_000;
/** How long nothing may answer after that. */
const WATCH_MS = 4_000;
const LOST = /ERR_STORE_LOST|store\.lost|cluster\.lost/;

export async function loseData({ cluster, load, violation }: LossParts): Promise<Losses> {
  const before = new Map(cluster.silos.map((silo) => [silo, logOf(silo).length]));
  await cluster.redis.kill9();
  await cluster.redis.restart({ withoutData: true });
  const names = [...new Set(load.told.map((told) => told.account))].slice(0, 50);
  const refusedCalls = await askAll(cluster.url, names, violation);
  if (refusedCalls === 0) violation('loss not told', 'no call was answered with ERR_STORE_LOST');
  const isReported = [...before].some(([silo, length]) => LOST.test(logOf(silo).slice(length)));
  if (!isReported) violation('loss not logged', 'no silo has a line about it');
  const refusedStart = await startAnew(cluster, violation);
  return { isReported, refusedCalls, refusedStart };
}

/** Calls that change something: one that succeeds has begun with empty memory. */
async function askAll(
  url: string,
  names: readonly string[],
  violation: LossParts['violation'],
): Promise<number> {
  const client = connect(url, { retryCountMax: 0, reconnectFirstMs: 20, reconnectMostMs: 300 });
  let refused = 0;
  let n = 0;
  let untilMs = systemClock.nowMs() + NOTICE_MAX_MS;
  try {
    for (;;) {
      if (systemClock.nowMs() > untilMs) return refused;
      n += 1;
      const name = names[n % names.length] ?? 'a0';
      const ref = client.core<typeof account>('account').get(name);
      try {
        const at = await ref.record({ account: name, source: 'after', n }, { deadlineMs: 2_000 });
        violation('began anew', `${name} took a change as number ${at} after Redis had lost its data`);
        return refused;
      } catch (thrown) {
        if (thrown instanceof GrainError && thrown.code === 'ERR_STORE_LOST') {
          if (refused === 0) untilMs = systemClock.nowMs() + WATCH_MS;
          refused += 1;
        }
      }
      await pause(20);
    }
  } finally {
    await client.close();
  }
}

/** A silo that remembers that there was a cluster does not make a new one. */
async function startAnew(cluster: ChaosCluster, violation: LossParts['violation']): Promise<boolean> {
  const [silo] = cluster.silos;
  if (!silo) return false;
  await silo.kill();
  const length = logOf(silo).length;
  const code = await silo.startRefused();
  if (code === 2 && LOST.test(logOf(silo).slice(length))) return true;
  violation('began anew', `${silo.name} was started after the loss, and was not refused: ${code}`);
  return false;
}

function logOf({ logFile }: MemberProcess): string {
  return existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
}
