// A gateway on a free port of loopback in front of a scripted cluster, and two ways to talk to it: whole requests, and
// bytes as they are.
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { FakeClock, type GrainError, type GrainId, type Logger, SeededRng } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import { Gateway, type GatewayAddress, type GatewayOptions } from '../../../gateway/index.ts';
import type {
  ClusterClient,
  ClusterReport,
  CoreManifest,
  EmissionSink,
  Envelope,
  SiloReport,
  SubscribeOptions,
  Subscription,
} from '../../../silo/index.ts';

export interface OpenSubscription {
  readonly grain: GrainId;
  readonly options: SubscribeOptions;
  readonly sink: EmissionSink;
  granted: number;
  isCancelled: boolean;
}

/** A cluster that does what the test says; by default every flow answers what it was given. */
export class ScriptedCluster implements ClusterClient {
  readonly clusterKey = '00'.repeat(32);
  readonly generation = 'g1';
  isDraining = false;
  readonly sent: Envelope[] = [];
  readonly subscriptions: OpenSubscription[] = [];
  onDispatch: (envelope: Envelope) => void = (envelope) => envelope.resolve(envelope.input ?? null);
  onSubscribe: (subscription: OpenSubscription) => void = () => undefined;
  onInstances: ClusterClient['instances'] = () => Promise.resolve({ instances: [], cursor: undefined });
  report: ClusterReport = { view: 7, silos: [siloReport()] };
  readonly #manifests = new Map<string, CoreManifest>();

  constructor() {
    this.load(coreManifest({ name: 'airport', entityKey: 'origin' }));
    this.load(coreManifest({ name: 'board', mode: 'singleton' }));
  }

  load(manifest: CoreManifest): void {
    this.#manifests.set(manifest.name, manifest);
  }

  dispatch(envelope: Envelope): void {
    this.sent.push(envelope);
    this.onDispatch(envelope);
  }

  ref(): never {
    throw new Error('not scripted');
  }

  manifests(): ReadonlyMap<string, CoreManifest> {
    return this.#manifests;
  }

  onManifests(): () => void {
    return () => undefined;
  }

  subscribe(grain: GrainId, options: SubscribeOptions, sink: EmissionSink): Subscription {
    const open: OpenSubscription = { grain, options, sink, granted: options.credit, isCancelled: false };
    this.subscriptions.push(open);
    this.onSubscribe(open);
    return {
      grant: (count) => {
        open.granted += count;
      },
      cancel: () => {
        open.isCancelled = true;
      },
    };
  }

  instances(...args: Parameters<ClusterClient['instances']>): ReturnType<ClusterClient['instances']> {
    return this.onInstances(...args);
  }

  cluster(): Promise<ClusterReport> {
    return Promise.resolve(this.report);
  }
}

export function coreManifest(over: Partial<CoreManifest> & { readonly name: string }): CoreManifest {
  const flow = { readonly: false, description: undefined, input: undefined, output: undefined };
  return {
    version: '1.0.0',
    schema: 1,
    description: undefined,
    mode: 'entity',
    entityKey: undefined,
    level: 'committed',
    isVolatile: false,
    flows: [
      { ...flow, name: 'record', input: { type: 'object', properties: { origin: { type: 'string' } } } },
      { ...flow, name: 'stats', readonly: true },
    ],
    events: { flight: 'record' },
    on: {},
    ...over,
  };
}

export function siloReport(over: Partial<SiloReport> = {}): SiloReport {
  return {
    silo: 'silo-1',
    incarnation: 'a1',
    state: 'active',
    uptimeMs: 5_000,
    activations: 3,
    activationBytes: 300,
    turnsStarted: 10,
    turnsFailed: 1,
    turnsRunning: 0,
    messagesWaiting: 0,
    commits: 9,
    commitsFailed: 0,
    commandsCutShort: 0,
    activated: 4,
    deactivated: { idle: 1 },
    eventLoopDelayMs: 2,
    heapUsedBytes: 1_000,
    hottest: [{ core: 'airport', key: 'JFK', turns: 5 }],
    longestMailboxes: [{ core: 'airport', key: 'JFK', waiting: 2 }],
    slowest: [{ core: 'airport', key: 'JFK', flow: 'record', ms: 12 }],
    turnMs: { bounds: [1, 10], counts: [6, 3, 1], sum: 40 },
    ...over,
  };
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export class TestLog implements Logger {
  readonly lines: LogLine[] = [];
  readonly debug = this.#writer('debug');
  readonly info = this.#writer('info');
  readonly warn = this.#writer('warn');
  readonly error = this.#writer('error');

  #writer(level: LogLine['level']): Logger['info'] {
    return (fields, message) => {
      this.lines.push({ level, fields: fields as LogLine['fields'], message });
    };
  }
}

/** A gateway that runs, with what it stands on. Stop it in `afterEach`. */
export interface Running extends GatewayAddress {
  readonly gateway: Gateway;
  readonly cluster: ScriptedCluster;
  readonly log: TestLog;
}

const running = new Set<Gateway>();

export async function startGateway(
  options: GatewayOptions = {},
  parts: { readonly clock?: FakeClock; readonly cluster?: ScriptedCluster } = {},
): Promise<Running> {
  const { clock = systemClock, cluster = new ScriptedCluster() } = parts;
  const log = new TestLog();
  const gateway = new Gateway({ cluster, clock, rng: new SeededRng(1), log }, { port: 0, ...options });
  const address = await gateway.start();
  running.add(gateway);
  return { gateway, cluster, log, ...address };
}

/** Stops what `startGateway` started and nobody stopped. */
export async function stopGateways(): Promise<void> {
  const all = [...running];
  running.clear();
  await Promise.all(all.map((gateway) => gateway.stop({ budgetMs: 0 })));
}

export function fakeClock(): FakeClock {
  return new FakeClock({ defer: (run) => systemClock.defer(run) });
}

/** A few turns of the event loop: what was written to a local socket has been read by then, as far as it ever is. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise<void>((resolve) => systemClock.defer(resolve));
  }
}

/** Resolves once `isSo`; fails with the test's own time limit if it never is. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turns(1);
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Parsed; undefined when it is not JSON. */
  readonly body: ReplyBody | undefined;
}

export interface ReplyBody {
  readonly status: 'ok' | 'error';
  readonly data?: unknown;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly effect: string;
    readonly retry_after_ms?: number;
    readonly details?: Readonly<Record<string, unknown>>;
  };
  readonly meta?: { readonly request_id: string };
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON with its content type, unless `headers` says otherwise. */
  readonly json?: unknown;
  readonly body?: string | Buffer;
}

/** One request on a connection of its own. */
export function ask(to: { readonly port: number }, path: string, options: Ask = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, json } = options;
  const body = json === undefined ? options.body : JSON.stringify(json);
  const type = json === undefined ? {} : { 'Content-Type': 'application/json' };
  const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port: to.port,
        path,
        method,
        agent: false,
        headers: { ...type, ...length, ...headers },
      },
      (response) => resolve(readAnswer(response)),
    );
    request.on('error', reject);
    request.end(body);
  });
}

export function call(to: { readonly port: number }, path: string, options: Ask = {}): Promise<Answer> {
  return ask(to, path, { method: 'POST', ...options });
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  let body: ReplyBody | undefined;
  try {
    body = JSON.parse(text) as ReplyBody;
  } catch {
    body = undefined;
  }
  return { status: response.statusCode ?? 0, headers: response.headers, text, body };
}

/** Writes bytes as they are, and answers all that came back until the other side closed. */
export function exchange(
  to: { readonly port: number },
  ...pieces: readonly (string | Buffer)[]
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(to.port, '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('close', () => resolve(text));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    for (const piece of pieces) socket.write(piece);
  });
}

/** The code of a failure; 'ok' for a success. */
export function codeOf({ body, status }: Answer): string {
  return body?.error?.code ?? (body?.status === 'ok' ? 'ok' : `no envelope (${status})`);
}

/** A dispatch that refuses with this. */
export function refusing(error: GrainError): (envelope: Envelope) => void {
  return (envelope) => envelope.reject(error);
}
