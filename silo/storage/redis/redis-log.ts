// RedisLog: the log of all durable emissions, for the cluster as a whole: one LIST in one slot, filled by the relay.
//   G1. Positions count all entries of all time: what is trimmed leaves only its number behind, what is erased a hole.
//   G2. Readers are woken by a message, and by a slow look in case it got lost; only while there are readers.
import { loadScript, type RedisKeys, type RedisReply } from '../../../directory/index.ts';
import type { TimerHandle } from '../../../lib/index.ts';
import type { LogEntry, LogPage } from '../grain-storage.ts';
import { bytesAt } from './redis-head.ts';
import type { RedisRetry } from './redis-retry.ts';
import { corrupt, readEmission, textOf } from './redis-values.ts';

const APPEND = loadScript(new URL('./scripts/log-append.lua', import.meta.url));
const READ = loadScript(new URL('./scripts/log-read.lua', import.meta.url));
const TRIM = loadScript(new URL('./scripts/log-trim.lua', import.meta.url));
const ERASE = loadScript(new URL('./scripts/log-erase.lua', import.meta.url));

const LOOK_MS = 5_000;
/** How many entries an erasure looks at in one call: Redis does nothing else meanwhile. */
const ERASE_AT_ONCE = 500;

export class RedisLog {
  readonly #retry: RedisRetry;
  readonly #keys: readonly [log: string, trimmed: string];
  readonly #channel: string;
  readonly #listeners = new Set<() => void>();
  /** Position up to which readers were woken. */
  #wokenTo = 0;
  #unsubscribe: (() => void) | undefined;
  #timer: TimerHandle | undefined;

  constructor(retry: RedisRetry, keys: RedisKeys) {
    this.#retry = retry;
    this.#keys = [keys.shared('log'), keys.shared('log-trimmed')];
    this.#channel = keys.shared('log-wake');
  }

  async append(entries: readonly Uint8Array[]): Promise<void> {
    const { client } = this.#retry;
    const last = await this.#retry.ask(() => client.run(APPEND, this.#keys, [this.#channel, ...entries]));
    this.#wake(Number(last));
  }

  async read(after: number, limit: number): Promise<LogPage> {
    const { client } = this.#retry;
    const reply = (await this.#retry.ask(() =>
      client.run(READ, this.#keys, [after, Math.max(0, limit)]),
    )) as RedisReply[];
    const trimmed = Number(textOf(bytesAt(reply, 0)));
    const found = reply[2] as readonly Uint8Array[];
    const start = Math.max(after, trimmed);
    const entries: LogEntry[] = [];
    found.forEach((bytes, at) => {
      if (bytes.length > 0) entries.push(readLogEntry(bytes, start + at + 1));
    });
    // The log ends before `after` where a failover lost its end: whoever read that should know.
    const end = Math.max(trimmed, Number(textOf(bytesAt(reply, 1))));
    return { first: trimmed + 1, last: Math.min(start, end) + found.length, entries };
  }

  async trim(position: number): Promise<void> {
    const { client } = this.#retry;
    await this.#retry.ask(() => client.run(TRIM, this.#keys, [position]));
  }

  /** Empties all entries of a grain; `name` ends with the NUL behind its key. */
  async erase(name: string): Promise<void> {
    const { client } = this.#retry;
    for (let position = 0; ;) {
      const after = position;
      const reply = await this.#retry.ask(() =>
        client.run(ERASE, this.#keys, [`e${name}`, after, ERASE_AT_ONCE]),
      );
      position = Number(reply);
      if (position === 0) return;
    }
  }

  // ---- Waking readers ----

  onAppend(wake: () => void): () => void {
    const own = (): void => wake();
    this.#listeners.add(own);
    if (this.#listeners.size === 1) this.#listen();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #listen(): void {
    this.#unsubscribe ??= this.#retry.client.subscribe(
      this.#channel,
      (message) => this.#wake(Number(textOf(message))),
      () => void this.#look(),
    );
    this.#lookLater();
  }

  #lookLater(): void {
    this.#timer = this.#retry.clock.setTimer(LOOK_MS, () => {
      void this.#look();
      this.#lookLater();
    });
  }

  async #look(): Promise<void> {
    const { client } = this.#retry;
    try {
      const reply = (await client.run(READ, this.#keys, [0, 0])) as RedisReply[];
      if (this.#listeners.size === 0) return;
      const last = Number(textOf(bytesAt(reply, 1)));
      // A store that lost the end of its log has it grow again from an earlier position.
      if (last < this.#wokenTo) this.#wokenTo = 0;
      this.#wake(last);
    } catch {
      // The next look comes anyway.
    }
  }

  #wake(last: number): void {
    if (!(last > this.#wokenTo)) return;
    this.#wokenTo = last;
    for (const wake of [...this.#listeners]) wake();
  }
}

/** `e`, the header of commit-call.ts, the emission. */
function readLogEntry(bytes: Uint8Array, position: number): LogEntry {
  const { header, end } = readHeader(bytes, 1);
  return { position, ...header, emission: readEmission(bytes.subarray(end)) };
}

const NUL = 0;

/** Reads `core NUL tenant NUL key NUL epoch NUL` from a place on. */
export function readHeader(
  bytes: Uint8Array,
  from: number,
): { header: Pick<LogEntry, 'source' | 'emissionEpoch'>; end: number } {
  const parts: string[] = [];
  let start = from;
  while (parts.length < 4) {
    const end = bytes.indexOf(NUL, start);
    if (end < 0) throw corrupt('an emission without a header');
    parts.push(textOf(bytes, start, end));
    start = end + 1;
  }
  const [core = '', tenant = '', key = '', epoch] = parts;
  return { header: { source: { tenant, core, key }, emissionEpoch: Number(epoch) }, end: start };
}
