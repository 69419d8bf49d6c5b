// FakeRedis: a Redis server in memory, as far as our drivers use one. Scripts are our real ones, in Lua.
// Owns: data, loaded scripts, channels, and the faults of a server. Does not own: connections, and when something
// arrives (fake-redis-client.ts, and the simulator).
//   F1. `execute` takes one command and answers at once: a server does one thing at a time.
//   F2. A command that is not known here, or an argument that Redis would take and we would not, throws an Error: the
//       fake has to be extended. What Redis refuses is answered as Redis does.
//   F3. The keys of a script carry one hash tag, or the fake throws: on Redis Cluster it could not run.
//   F4. A script that wrote and then failed, without a fault of the server, is remembered in `halfWritten`.
import { createHash } from 'node:crypto';
import type { Clock, Rng } from '../../../lib/index.ts';
import { at, type Command, type CommandTable } from './command-table.ts';
import { HASH_COMMANDS } from './hash-commands.ts';
import { LIST_COMMANDS } from './list-commands.ts';
import { luaMachine } from './lua-machine.ts';
import { CommandFailure, type FakeReply, OK, RedisData, RedisError, RedisStatus } from './redis-data.ts';
import { STREAM_COMMANDS } from './stream-commands.ts';
import { STRING_COMMANDS } from './string-commands.ts';
import { ZSET_COMMANDS } from './zset-commands.ts';

export interface FakeRedisOptions {
  /** The server's own: TTLs use its wall clock. */
  readonly clock: Clock;
  readonly rng: Rng;
  /** @default 'noeviction' */
  readonly maxmemoryPolicy?: string;
  /** What WAIT answers. @default 0 */
  readonly replicas?: number;
  /** Plants a fault: the text that is run instead of a script's. */
  readonly rewrite?: ((lua: string) => string) | undefined;
  /** Leave out the check that keys of a script share a hash tag. @default false */
  readonly anyKeys?: boolean;
}

const DATA_COMMANDS: CommandTable = {
  ...STRING_COMMANDS,
  ...HASH_COMMANDS,
  ...LIST_COMMANDS,
  ...ZSET_COMMANDS,
  ...STREAM_COMMANDS,
};

const READ_ONLY = new RedisError("READONLY You can't write against a read only replica.");
const LOADING = new RedisError('LOADING Redis is loading the dataset in memory');
const NO_MEMORY = new RedisError("OOM command not allowed when used memory > 'maxmemory'.");
const NO_SCRIPT = new RedisError('NOSCRIPT No matching script. Please use EVAL.');

export interface FakeRedisCounts {
  commands: number;
  scripts: number;
}

export class FakeRedis {
  readonly data: RedisData;
  readonly counts: FakeRedisCounts = { commands: 0, scripts: 0 };
  /** Scripts that wrote and then failed: each is an error of ours. */
  readonly halfWritten: string[] = [];
  /** Answers every command with an error, as a server that has just started. */
  isLoading = false;
  /** As a replica, or a master that has just been demoted. */
  isReadOnly = false;
  isOutOfMemory = false;
  /** Sees every script that ran: by its SHA, with what it answered. */
  onScript:
    ((sha: string, keys: readonly string[], args: readonly string[], reply: FakeReply) => void) | undefined;
  /** Another one after each restart. */
  runId: string;
  readonly #options: FakeRedisOptions;
  readonly #scripts = new Map<string, number>();
  readonly #channels = new Map<string, Set<(message: string) => void>>();

  constructor(options: FakeRedisOptions) {
    this.#options = options;
    this.data = new RedisData(options.clock);
    this.runId = options.rng.hex(20);
  }

  /** Bytes as latin1, name first. */
  execute(words: readonly string[]): FakeReply {
    this.counts.commands += 1;
    const name = at(words, 0).toUpperCase();
    if (this.isLoading && name !== 'INFO' && name !== 'HELLO') return LOADING;
    this.data.beginFrame();
    try {
      return this.#execute(name, words.slice(1), false);
    } catch (error) {
      if (error instanceof CommandFailure) return new RedisError(error.message);
      throw error;
    }
  }

  subscribe(channel: string, onMessage: (message: string) => void): () => void {
    const listeners = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, listeners);
    listeners.add(onMessage);
    return () => {
      listeners.delete(onMessage);
      if (listeners.size === 0) this.#channels.delete(channel);
    };
  }

  /** Another process with the same data, less what was written in the last `lostMs`; answers how many commands are lost. */
  restart(lostMs = 0): number {
    this.runId = this.#options.rng.hex(20);
    this.#scripts.clear();
    this.#channels.clear();
    this.isReadOnly = false;
    this.isOutOfMemory = false;
    return this.data.loseLast(lostMs);
  }

  flush(): void {
    this.data.beginFrame();
    this.data.clear();
  }

  flushScripts(): void {
    this.#scripts.clear();
  }

  // --- commands ----------------------------------------------------------------------------------------------------

  #execute(name: string, args: readonly string[], isInScript: boolean): FakeReply {
    const command = Object.hasOwn(DATA_COMMANDS, name) ? DATA_COMMANDS[name] : undefined;
    if (!command) return this.#executeOwn(name, args, isInScript);
    return this.#refusal(command, name, args, isInScript) ?? command.run(this.data, args);
  }

  #refusal(
    command: Command,
    name: string,
    args: readonly string[],
    isInScript: boolean,
  ): RedisError | undefined {
    if (command.arity < 0 ? args.length < -command.arity : args.length !== command.arity) {
      return new RedisError(`ERR wrong number of arguments for '${name.toLowerCase()}' command`);
    }
    if (command.isWrite && this.isReadOnly) return READ_ONLY;
    // A script that has written already may write on.
    const isLate = isInScript && this.data.hasWritten;
    if (command.needsMemory && this.isOutOfMemory && !isLate) return NO_MEMORY;
    return undefined;
  }

  #executeOwn(name: string, args: readonly string[], isInScript: boolean): FakeReply {
    switch (name) {
      case 'PUBLISH':
        return this.#publish(at(args, 0), at(args, 1));
      case 'TIME':
        return this.#time();
      case 'PING':
        return args[0] ?? new RedisStatus('PONG');
      case 'ECHO':
        return at(args, 0);
      default:
        if (isInScript) throw new Error(`fake redis: a script calls ${name}, which is not here`);
        return this.#administer(name, args);
    }
  }

  #administer(name: string, args: readonly string[]): FakeReply {
    switch (name) {
      case 'EVALSHA':
        return this.#runScript(at(args, 0).toLowerCase(), args);
      case 'EVAL':
        return this.#eval(args);
      case 'SCRIPT':
        return this.#script(args);
      case 'INFO':
        return this.#info();
      case 'CONFIG':
        return this.#config(args);
      case 'WAIT':
        return this.#options.replicas ?? 0;
      case 'WAITAOF':
        return [1, this.#options.replicas ?? 0];
      case 'ROLE':
        return ['master', 0, []];
      case 'DBSIZE':
        return this.data.size;
      case 'KEYS':
        return this.#keys(at(args, 0));
      case 'SCAN':
        return this.#scan(args);
      case 'FLUSHALL':
      case 'FLUSHDB':
        if (this.isReadOnly) return READ_ONLY;
        this.data.clear();
        return OK;
      case 'CLIENT':
        return OK;
      default:
        throw new Error(`fake redis: ${name} ${args.slice(0, 3).join(' ')} is not here yet`);
    }
  }

  #publish(channel: string, message: string): number {
    const listeners = [...(this.#channels.get(channel) ?? [])];
    for (const listener of listeners) listener(message);
    return listeners.length;
  }

  #time(): FakeReply {
    const wallMs = this.data.clock.wallMs();
    const seconds = Math.floor(wallMs / 1_000);
    return [String(seconds), String(Math.floor((wallMs - seconds * 1_000) * 1_000))];
  }

  #info(): string {
    const { maxmemoryPolicy = 'noeviction' } = this.#options;
    const lines = [
      '# Server',
      'redis_version:7.0.15',
      `run_id:${this.runId}`,
      '# Memory',
      `maxmemory_policy:${maxmemoryPolicy}`,
      '# Persistence',
      `loading:${this.isLoading ? 1 : 0}`,
      'aof_enabled:1',
      '# Replication',
      `role:${this.isReadOnly ? 'slave' : 'master'}`,
      `master_replid:${this.runId}`,
      '# Cluster',
      'cluster_enabled:0',
      '',
    ];
    return lines.join('\r\n');
  }

  #config(args: readonly string[]): FakeReply {
    if (at(args, 0).toUpperCase() !== 'GET')
      throw new Error(`fake redis: CONFIG ${args.join(' ')} is not here`);
    const known: Readonly<Record<string, string>> = {
      'maxmemory-policy': this.#options.maxmemoryPolicy ?? 'noeviction',
      maxmemory: '0',
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
    };
    return args.slice(1).flatMap((name) => {
      const value = known[name.toLowerCase()];
      return value === undefined ? [] : [name.toLowerCase(), value];
    });
  }

  #keys(pattern: string): readonly string[] {
    const text = pattern
      .replace(/[.+^${}()|\\]/g, '\\$&')
      .replaceAll('*', '[^]*')
      .replaceAll('?', '[^]');
    const glob = new RegExp(`^${text}$`);
    return this.data.keys().filter((key) => glob.test(key));
  }

  #scan(args: readonly string[]): FakeReply {
    const pattern = args.findIndex((word) => word.toUpperCase() === 'MATCH');
    return ['0', this.#keys(pattern < 0 ? '*' : at(args, pattern + 1))];
  }

  // --- scripts -----------------------------------------------------------------------------------------------------

  #script(args: readonly string[]): FakeReply {
    switch (at(args, 0).toUpperCase()) {
      case 'LOAD': {
        const source = at(args, 1);
        const loaded = luaMachine.compile(this.#options.rewrite?.(source) ?? source);
        if ('problem' in loaded) return new RedisError(loaded.problem);
        const sha = createHash('sha1').update(source, 'latin1').digest('hex');
        this.#scripts.set(sha, loaded.ref);
        return sha;
      }
      case 'EXISTS':
        return args.slice(1).map((sha) => (this.#scripts.has(sha.toLowerCase()) ? 1 : 0));
      case 'FLUSH':
        this.#scripts.clear();
        return OK;
      default:
        throw new Error(`fake redis: SCRIPT ${at(args, 0)} is not here`);
    }
  }

  #eval(args: readonly string[]): FakeReply {
    const sha = this.#script(['LOAD', at(args, 0)]);
    return typeof sha === 'string' ? this.#runScript(sha, args) : sha;
  }

  #runScript(sha: string, args: readonly string[]): FakeReply {
    const ref = this.#scripts.get(sha);
    if (ref === undefined) return NO_SCRIPT;
    this.counts.scripts += 1;
    const keyCount = Number(at(args, 1));
    const keys = args.slice(2, 2 + keyCount);
    if (keys.length !== keyCount)
      return new RedisError("ERR Number of keys can't be greater than number of args");
    if (this.#options.anyKeys !== true) checkTags(keys);
    const rest = args.slice(2 + keyCount);
    const reply = luaMachine.run(ref, keys, rest, (words) => this.#fromScript(words));
    const isFault = this.isReadOnly || this.isOutOfMemory;
    if (reply instanceof RedisError && this.data.hasWritten && !isFault) this.halfWritten.push(reply.text);
    this.onScript?.(sha, keys, rest, reply);
    return reply;
  }

  #fromScript(words: readonly string[]): FakeReply {
    try {
      return this.#execute(at(words, 0).toUpperCase(), words.slice(1), true);
    } catch (error) {
      if (error instanceof CommandFailure) return new RedisError(error.message);
      throw error;
    }
  }
}

function checkTags(keys: readonly string[]): void {
  const tags = new Set(keys.map((key) => /\{([^}]+)\}/.exec(key)?.[1] ?? key));
  if (tags.size > 1)
    throw new Error(`fake redis: the keys of a script lie in several slots: ${keys.join(' ')}`);
}
