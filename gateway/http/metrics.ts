// Metrics: what `/metrics` says. Counting is done elsewhere in plain numbers; series are made when somebody asks.
//   Q1. No series is named after a key, a tenant or a request: their number stays small whatever clients do.
//   Q2. Durations are in seconds and sizes in bytes, as Prometheus expects.
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { ClusterClient, SiloReport } from '../../silo/index.ts';
import type { StreamReport } from '../ws/stream-server.ts';
import { CountedHistogram } from './counted-histogram.ts';
import { DURATION_BOUNDS_MS, type HttpStats } from './http-stats.ts';

/** What is read at the moment of the scrape. */
export interface GatewayGauges {
  readonly inFlight: () => number;
  readonly eventStreams: () => number;
  /** Sockets, upgraded ones too. */
  readonly connections: () => number;
  readonly stream: () => StreamReport;
}

/** Series of the process, which all gateways in it share. Made at the first scrape, because it starts observers. */
let ofProcess: Registry | undefined;

function processRegistry(): Registry {
  if (ofProcess) return ofProcess;
  ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess, prefix: 'granary_' });
  return ofProcess;
}

type SiloNumber = readonly [name: string, help: string, read: (silo: SiloReport) => number];

const SILO_GAUGES: readonly SiloNumber[] = [
  ['activations', 'Activations that are resident', (silo) => silo.activations],
  ['activation_bytes', 'Estimated bytes of their values', (silo) => silo.activationBytes],
  ['turns_running', 'Turns under way', (silo) => silo.turnsRunning],
  ['messages_waiting', 'Messages in mailboxes', (silo) => silo.messagesWaiting],
  [
    'event_loop_delay_seconds',
    'Delay of the event loop of the silo',
    (silo) => silo.eventLoopDelayMs / 1_000,
  ],
  ['heap_used_bytes', 'Heap in use by the silo', (silo) => silo.heapUsedBytes],
  ['uptime_seconds', 'Since the silo started', (silo) => silo.uptimeMs / 1_000],
  ['draining', '1 while the silo is draining', (silo) => (silo.state === 'draining' ? 1 : 0)],
];

const SILO_COUNTERS: readonly SiloNumber[] = [
  ['turns_started_total', 'Turns that were started', (silo) => silo.turnsStarted],
  ['turns_failed_total', 'Turns that failed', (silo) => silo.turnsFailed],
  ['commits_total', 'Commits that took effect', (silo) => silo.commits],
  ['commits_failed_total', 'Commits that did not', (silo) => silo.commitsFailed],
  ['commands_cut_short_total', 'Command ids forgotten within their window', (silo) => silo.commandsCutShort],
  ['activated_total', 'Activations that were made', (silo) => silo.activated],
];

export class Metrics {
  readonly #cluster: ClusterClient;
  readonly #stats: HttpStats;
  readonly #gauges: GatewayGauges;
  readonly #registry = new Registry();
  readonly #metrics = new Map<string, Counter | Gauge>();
  readonly #durations: CountedHistogram;
  /** Made at the first scrape, which tells the silos' bounds. */
  #turns: CountedHistogram | undefined;

  constructor(cluster: ClusterClient, stats: HttpStats, gauges: GatewayGauges) {
    this.#cluster = cluster;
    this.#stats = stats;
    this.#gauges = gauges;
    this.#durations = new CountedHistogram({
      name: 'granary_http_request_duration_seconds',
      help: 'From the head of a request to the end of its answer; event streams are left out',
      registry: this.#registry,
      labelNames: [],
      boundsMs: DURATION_BOUNDS_MS,
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The whole text; the cluster is asked anew each time. */
  async text(): Promise<string> {
    const report = await this.#cluster.cluster();
    for (const metric of this.#metrics.values()) metric.reset();
    this.#readGateway();
    this.#readStream(this.#gauges.stream());
    this.#gauge('granary_cluster_view', 'Number of the membership view', {}, report.view);
    this.#turns?.clear();
    for (const silo of report.silos) this.#readSilo(silo);
    return (await processRegistry().metrics()) + '\n' + (await this.#registry.metrics());
  }

  #readGateway(): void {
    const stats = this.#stats;
    for (const [route, status, count] of stats.counts()) {
      this.#counter(
        'granary_http_requests_total',
        'Requests that ended',
        { route, status: String(status) },
        count,
      );
    }
    this.#durations.clear();
    this.#durations.add({}, stats.durations, stats.durationSumMs);
    this.#counter('granary_http_cancelled_total', 'Requests whose caller left first', {}, stats.cancelled);
    this.#counter(
      'granary_http_malformed_total',
      'Requests that were not HTTP or too slow',
      {},
      stats.malformed,
    );
    this.#gauge('granary_http_in_flight', 'Requests under way', {}, this.#gauges.inFlight());
    this.#gauge('granary_http_event_streams', 'Event streams open', {}, this.#gauges.eventStreams());
    this.#gauge('granary_http_connections', 'Sockets open, WebSockets too', {}, this.#gauges.connections());
  }

  #readStream({ connections, sessions, sessionsRemembered, stats }: StreamReport): void {
    this.#gauge('granary_stream_connections', 'WebSockets open', {}, connections);
    this.#gauge('granary_stream_sessions', 'Sessions attached to a socket', {}, sessions);
    this.#gauge('granary_stream_sessions_remembered', 'Sessions that may come back', {}, sessionsRemembered);
    for (const [name, value] of Object.entries(stats)) {
      if (typeof value !== 'number') continue;
      const words = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      this.#counter(`granary_stream_${words}_total`, 'WebSocket counts since the start', {}, value);
    }
    for (const [code, count] of stats.closed) {
      this.#counter(
        'granary_stream_closed_total',
        'WebSockets that the gateway closed',
        { code: `${code}` },
        count,
      );
    }
  }

  #readSilo(report: SiloReport): void {
    const labels = { silo: report.silo };
    for (const [name, help, read] of SILO_GAUGES)
      this.#gauge(`granary_silo_${name}`, help, labels, read(report));
    for (const [name, help, read] of SILO_COUNTERS)
      this.#counter(`granary_silo_${name}`, help, labels, read(report));
    for (const [reason, count] of Object.entries(report.deactivated)) {
      const help = 'Activations that ended';
      this.#counter('granary_silo_deactivated_total', help, { ...labels, reason }, count);
    }
    this.#turns ??= new CountedHistogram({
      name: 'granary_silo_turn_duration_seconds',
      help: 'Turns, from start to end',
      registry: this.#registry,
      labelNames: ['silo'],
      boundsMs: report.turnMs.bounds,
    });
    this.#turns.add(labels, report.turnMs.counts, report.turnMs.sum);
  }

  #gauge(name: string, help: string, labels: Record<string, string>, value: number): void {
    let metric = this.#metrics.get(name);
    if (!metric) {
      metric = new Gauge({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#metrics.set(name, metric);
    }
    metric.inc(labels, value);
  }

  #counter(name: string, help: string, labels: Record<string, string>, value: number): void {
    let metric = this.#metrics.get(name);
    if (!metric) {
      metric = new Counter({ name, help, labelNames: Object.keys(labels), registers: [this.#registry] });
      this.#metrics.set(name, metric);
    }
    metric.inc(labels, value);
  }
}
