// What a Redis server must be, and what its settings mean for what `committed` promises.
import { GrainError, type Logger } from '../../lib/index.ts';
import type { RedisClient } from './redis-client.ts';
import { replyText } from './redis-directory.ts';
import { storeError } from './redis-errors.ts';
import { RedisRefusal } from './redis-client.ts';

/** `always`: survives a crash of its machine; `everysec`: up to 2 s may be lost with it; `no`: all of it may. */
export type RedisPersistence = 'always' | 'everysec' | 'no';

export interface RedisReport {
  readonly version: string;
  readonly persistence: RedisPersistence;
  /** Bytes; 0 = without a bound. */
  readonly maxMemoryBytes: number;
  /** False: the server does not show its settings (CONFIG is forbidden), so they could not be looked at. */
  readonly isComplete: boolean;
  /** For the log: what to know or to change, in sentences. */
  readonly warnings: readonly string[];
}

const LEAST_VERSION = [6, 2] as const;

/**
 * Looks at the server behind the client, or at each primary of a cluster (the weakest answer counts).
 * @throws (rejects) ERR_STORE_UNSAFE naming the setting; what `storeError` makes
 */
export async function checkRedis(client: RedisClient, log?: Logger): Promise<RedisReport> {
  const nodes = 'nodes' in client ? (client.nodes as readonly RedisClient[]) : [client];
  const reports = await Promise.all(nodes.map((node) => checkServer(node)));
  const weakest = reports.reduce((left, right) =>
    STRENGTH[left.persistence] <= STRENGTH[right.persistence] ? left : right,
  );
  const warnings = [...new Set(reports.flatMap((report) => report.warnings))];
  for (const warning of warnings) log?.warn({ event: 'redis.settings_doubtful' }, warning);
  return { ...weakest, isComplete: reports.every(({ isComplete }) => isComplete), warnings };
}

const STRENGTH: Readonly<Record<RedisPersistence, number>> = { no: 0, everysec: 1, always: 2 };

async function checkServer(client: RedisClient): Promise<RedisReport> {
  const info = fieldsOf(replyText(await ask(client, 'INFO', ['server'])));
  const version = info.get('redis_version') ?? '';
  if (isOlder(version)) {
    const message = `Redis ${version} is too old: Granary needs ${LEAST_VERSION.join('.')} or newer.`;
    throw new GrainError('ERR_STORE_UNSAFE', { message, setting: 'version', found: version });
  }
  const memory = fieldsOf(replyText(await ask(client, 'INFO', ['memory'])));
  const aof = fieldsOf(replyText(await ask(client, 'INFO', ['persistence']))).get('aof_enabled') === '1';
  const fsync = await setting(client, 'appendfsync');
  const policy = memory.get('maxmemory_policy') ?? 'noeviction';
  // Also without a bound now: it can be set at any time, and some services do so by themselves.
  if (policy !== 'noeviction') {
    const message = `Redis evicts keys by itself (maxmemory-policy ${policy}): set maxmemory-policy noeviction.`;
    throw new GrainError('ERR_STORE_UNSAFE', { message, setting: 'maxmemory-policy', found: policy });
  }
  const persistence = !aof ? 'no' : fsync === 'always' ? 'always' : fsync === 'no' ? 'no' : 'everysec';
  const maxMemoryBytes = Number(memory.get('maxmemory') ?? '0');
  const warnings = warningsFor(persistence, aof, fsync !== undefined);
  return { version, persistence, maxMemoryBytes, isComplete: fsync !== undefined, warnings };
}

function warningsFor(persistence: RedisPersistence, aof: boolean, isComplete: boolean): readonly string[] {
  const warnings: string[] = [];
  if (!aof) {
    warnings.push(
      'Redis keeps no append-only file: what was committed is lost when its process ends. Set appendonly yes, ' +
        'and appendfsync always when a committed reply must survive a crash of its machine.',
    );
  } else if (persistence === 'no') {
    warnings.push(
      'Redis leaves the flushing of its append-only file to the system (appendfsync no): a crash of its machine can ' +
        'lose half a minute of committed replies. Set appendfsync everysec or always.',
    );
  } else if (persistence === 'everysec' && isComplete) {
    warnings.push(
      'Redis flushes its append-only file once a second (appendfsync everysec): committed replies of the last 2 s can ' +
        'be lost with its machine. Set appendfsync always to keep them.',
    );
  }
  if (!isComplete) {
    warnings.push(
      'Redis does not show its settings (CONFIG GET): how often it flushes to disk is not known.',
    );
  }
  return warnings;
}

async function setting(client: RedisClient, name: string): Promise<string | undefined> {
  try {
    const reply = await client.call('CONFIG', ['GET', name]);
    return Array.isArray(reply) ? replyText(reply[1]) : undefined;
  } catch (error) {
    // Managed services forbid it.
    if (error instanceof RedisRefusal) return undefined;
    throw storeError(error);
  }
}

async function ask(client: RedisClient, command: string, args: readonly string[]): Promise<Uint8Array> {
  try {
    const reply = await client.call(command, args);
    return reply instanceof Uint8Array ? reply : new Uint8Array();
  } catch (error) {
    throw storeError(error);
  }
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  const lines = text.split('\r\n').map((line) => line.split(':'));
  return new Map(lines.map(([name = '', ...rest]) => [name, rest.join(':')]));
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor < LEAST_VERSION[1]);
}
