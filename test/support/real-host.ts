// The assembled system for tests that attack it: a real host on the durable store in this process, or `granary dev` in
// a process of its own, which can be killed and stopped. Both in a temporary folder, on free ports of 127.0.0.1.
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Host, type HostOptions, startHost } from '../../gateway/granary.ts';
import { systemClock } from '../../lib/internal.ts';
import type { AnyCore } from '../../lib/index.ts';
import { SpawnedCli } from '../gateway/cli/spawned-cli.ts';
import { type Answer, ask, type Ask, TestLog } from '../gateway/http/support.ts';
import { type ConnectOptions, type Frame, StreamClient } from './stream-client.ts';

/** What a test opened, ended in the opposite order after it. */
export class Cleanup {
  readonly #actions: (() => unknown)[] = [];

  add(action: () => unknown): void {
    this.#actions.push(action);
  }

  async run(): Promise<void> {
    for (const action of this.#actions.splice(0).reverse()) await action();
  }

  folder(): string {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'granary-hostile-'));
    this.add(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }
}

export interface RealHost {
  readonly host: Host;
  readonly port: number;
  readonly data: string;
  readonly log: TestLog;
  /** Logged at `error`: what nobody but the runtime itself is to blame for. */
  readonly errors: () => readonly string[];
  stop(): Promise<void>;
}

export type RealHostOptions = Omit<HostOptions, 'cores' | 'port' | 'log'>;

/** A real host in this process, on a store in a temporary folder unless `data` names one. */
export async function realHost(
  cleanup: Cleanup,
  cores: readonly AnyCore[],
  options: RealHostOptions = {},
): Promise<RealHost> {
  const data = options.data ?? path.join(cleanup.folder(), 'data');
  const log = new TestLog();
  const host = await startHost({ ...options, cores, data, log, port: 0 });
  const stop = (): Promise<void> => host.stop();
  cleanup.add(stop);
  const errors = (): readonly string[] =>
    log.lines.filter(({ level }) => level === 'error').map((line) => describeLine(line));
  return { host, port: Number(new URL(host.url).port), data, log, errors, stop };
}

function describeLine({ message, fields }: TestLog['lines'][number]): string {
  const { err } = fields;
  return `${message} ${err instanceof Error ? String(err.stack) : JSON.stringify(fields)}`;
}

/** A WebSocket of its own; answers it and its welcome. */
export async function join(
  cleanup: Cleanup,
  to: { readonly port: number },
  options: ConnectOptions = {},
  hello: object = {},
): Promise<[StreamClient, Frame]> {
  const client = new StreamClient(to.port, options);
  cleanup.add(() => client.socket.terminate());
  await client.opened;
  client.send({ t: 'hello', ...hello });
  return [client, await client.expect('welcome')];
}

export function flowPath(core: string, key: string | undefined, flow: string): string {
  const instance = key === undefined ? '' : `/instances/${encodeURIComponent(key)}`;
  return `/v1/cores/${core}${instance}/flows/${flow}`;
}

/** Calls a flow over HTTP. */
export function callFlow(
  to: { readonly port: number },
  core: string,
  key: string | undefined,
  flow: string,
  input?: unknown,
  options: Ask = {},
): Promise<Answer> {
  return ask(to, flowPath(core, key, flow), { method: 'POST', json: input ?? null, ...options });
}

/** Calls until the flow answers; for hosts that just come up or go. */
export async function eventually<T>(attempt: () => Promise<T>, isGood: (result: T) => boolean): Promise<T> {
  for (;;) {
    const result = await attempt().catch((thrown: unknown) => thrown as Error);
    if (!(result instanceof Error) && isGood(result)) return result;
    await new Promise<void>((resolve) => systemClock.setTimer(2, resolve));
  }
}

// ---- A process of its own ----

const CORES = fileURLToPath(new URL('../hostile/cores.ts', import.meta.url));

export interface HostProcessOptions {
  readonly data: string;
  /** File of Cores. @default test/hostile/cores.ts */
  readonly cores?: string;
  /** What granary.config.json says. */
  readonly config?: object;
  /** Heap limit in MB. */
  readonly heapMb?: number;
  /** Shell commands that come first, such as limits. */
  readonly before?: string | undefined;
}

/** `granary dev`, as users run it. */
export class HostProcess {
  readonly cli: SpawnedCli;
  readonly port: number;
  readonly pid: number;

  private constructor(cli: SpawnedCli, port: number, pid: number) {
    this.cli = cli;
    this.port = port;
    this.pid = pid;
  }

  static async start(cleanup: Cleanup, options: HostProcessOptions): Promise<HostProcess> {
    const cli = spawnHost(cleanup, options);
    const [line] = await cli.saw(/^\{"url".*\}$/m);
    const { url, pid } = JSON.parse(line) as { readonly url: string; readonly pid: number };
    return new HostProcess(cli, Number(new URL(url).port), pid);
  }

  /** `kill -9`, and waits until it is gone. */
  async kill(): Promise<void> {
    this.cli.kill('SIGKILL');
    await this.cli.ended;
  }

  /** Asks it to stop, and answers its exit code. */
  async terminate(): Promise<number | string> {
    this.cli.kill('SIGTERM');
    return await this.cli.ended;
  }
}

/** Starts `granary dev`, which may refuse to start. */
export function spawnHost(
  cleanup: Cleanup,
  { data, cores = CORES, config = {}, heapMb, before }: HostProcessOptions,
): SpawnedCli {
  const folder = cleanup.folder();
  writeFileSync(path.join(folder, 'granary.config.json'), JSON.stringify(config));
  const env: Record<string, string> = heapMb ? { NODE_OPTIONS: `--max-old-space-size=${heapMb}` } : {};
  const cli = new SpawnedCli(['dev', cores, '--json', '--no-watch', '--port', '0', '--data', data], {
    folder,
    env,
    before,
  });
  cleanup.add(async () => {
    cli.kill('SIGKILL');
    await cli.ended;
  });
  return cli;
}

/**
 * Stands between clients and a host that comes and goes: its own port stays the same, as that of a machine would. Bytes
 * pass as they are; when the host's side ends, so does the client's.
 */
export class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(cleanup: Cleanup): Promise<Relay> {
    const server = createServer();
    const relay = new Relay(server);
    server.on('connection', (socket) => relay.#join(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanup.add(() => relay.stop());
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Where new connections go; undefined refuses them. */
  pointAt(port: number | undefined): void {
    this.#target = port;
  }

  /** Cuts every connection that is open. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    if (this.#target === undefined) {
      near.on('error', () => undefined).destroy();
      return;
    }
    const far = connectSocket(this.#target, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  }
}

/** The sum of a metric over its labels. */
export async function metric(to: { readonly port: number }, name: string): Promise<number> {
  const { text } = await ask(to, '/metrics');
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  if (lines.length === 0) throw new Error(`there is no metric ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** A request of which the answer is not read. */
export function unread(cleanup: Cleanup, to: { readonly port: number }, target: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port: to.port, path: target, agent: false }, () => {
      resolve();
    });
    request.on('error', reject);
    cleanup.add(() => {
      request.off('error', reject).on('error', () => undefined);
      request.destroy();
    });
    request.end();
  });
}
