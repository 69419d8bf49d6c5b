// A chaos run: starts a cluster and its load, lets the nemesis loose, heals everything, and checks what is left; at the end
// Redis loses its data.
//   X1. The load ends only when everything it sent has an outcome, or it is a violation that it has none.
//   X2. Whatever happens, no process of the run stays; the folder stays when there was a violation.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { SeededRng } from '../../lib/index.ts';
import { systemClock } from '../../lib/internal.ts';
import { ChaosCluster } from './chaos-cluster.ts';
import type { Fault } from './faults.ts';
import { type CheckResult, checkHistories, type Violation } from './history-check.ts';
import { type CompleteOptions, type Losses, type ChaosReport } from './chaos-types.ts';
import { Load } from './load.ts';
import { loseData } from './loss-phase.ts';
import { pause } from './member-process.ts';
import { runNemesis } from './nemesis.ts';
import { readHistories } from './read-histories.ts';
import { ServiceTimes } from './service-times.ts';

/** Time that everything gets to come to rest, once nothing is wrong any more. */
const SETTLE_MAX_MS = 60_000;
const PROGRESS_EVERY_MS = 5_000;
/** What one cause does a thousand times is told a few times. */
const VIOLATIONS_KEPT = 100;

const NOT_READ: CheckResult = { changes: 0, epochs: 0, violations: [] };
const NOT_LOST: Losses = { isReported: false, refusedCalls: 0, refusedStart: false };

export async function runChaos(options: CompleteOptions): Promise<ChaosReport> {
  const folder = mkdtempSync(path.join(os.tmpdir(), `granary-chaos-${options.seed}-`));
  const run = new Run(options, folder);
  try {
    await run.all();
  } catch (thrown) {
    const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    run.violation('run failed', detail);
  } finally {
    await run.dispose();
  }
  const report = run.report();
  if (report.folder === undefined) rmSync(folder, { recursive: true, force: true });
  return report;
}

class Run {
  readonly #options: CompleteOptions;
  readonly #folder: string;
  readonly #startedMs = systemClock.nowMs();
  readonly #times = new ServiceTimes();
  readonly #violations: Violation[] = [];
  #violationCount = 0;
  #cluster: ChaosCluster | undefined;
  #load: Load | undefined;
  #loadMs = 0;
  #last = 'starting';
  #checked = NOT_READ;
  #losses = NOT_LOST;

  constructor(options: CompleteOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  readonly violation = (kind: string, detail: string, account = ''): void => {
    this.#violationCount += 1;
    if (this.#violations.length < VIOLATIONS_KEPT) this.#violations.push({ kind, account, detail });
    this.#options.say(`violation: ${kind}${account === '' ? '' : ` in ${account}`}: ${detail}`);
  };

  async all(): Promise<void> {
    const { options } = { options: this.#options };
    const rng = new SeededRng(options.seed);
    const { silos, gateways, sessionTtlMs, isFromSource } = options;
    const shape = { silos, gateways, sessionTtlMs, isFromSource, folder: this.#folder };
    const cluster = await ChaosCluster.start({
      ...shape,
      rng: new SeededRng(options.seed + 1),
      violation: this.violation,
    });
    this.#cluster = cluster;
    const load = new Load({
      ...options.load,
      url: cluster.url,
      rng: new SeededRng(options.seed + 2),
      onCall: (startMs, endMs) => this.#times.onCall(startMs, endMs),
      violation: this.violation,
    });
    this.#load = load;
    const fromMs = systemClock.nowMs();
    load.start();
    const stopTelling = this.#tellProgress();
    try {
      await runNemesis({
        cluster,
        rng,
        sessionTtlMs,
        times: this.#times,
        untilMs: fromMs + options.durationMs,
        isThorough: options.isThorough,
        kinds: options.kinds,
        pauseMostMs: options.pauseMostMs,
        onFault: (fault) => this.#onFault(fault),
      });
      this.#last = 'healing';
      await cluster.heal();
      const open = await load.finish(SETTLE_MAX_MS);
      for (const what of open) this.violation('stuck', what);
      this.#loadMs = systemClock.nowMs() - fromMs;
    } finally {
      stopTelling();
    }
    await this.#check(load);
    if (options.withLoss) this.#losses = await loseData({ cluster, load, violation: this.violation });
    await load.close();
    if (options.withLoss) return;
    for (const member of [...cluster.gateways, ...cluster.silos]) await member.stop();
  }

  async dispose(): Promise<void> {
    await this.#load?.close();
    await this.#cluster?.dispose();
  }

  report(): ChaosReport {
    const members = this.#cluster?.members ?? [];
    const counts = this.#load?.counts;
    return {
      seed: this.#options.seed,
      silos: this.#options.silos,
      gateways: this.#options.gateways,
      tookMs: systemClock.nowMs() - this.#startedMs,
      loadMs: this.#loadMs,
      events: { sent: counts?.sent ?? 0, acknowledged: counts?.acked ?? 0 },
      calls: {
        answered: counts?.calls ?? 0,
        triedAgain: counts?.callsTriedAgain ?? 0,
        refused: counts?.refused ?? 0,
      },
      changes: this.#checked.changes,
      activations: this.#checked.epochs,
      starts: members.reduce((sum, { starts }) => sum + starts, 0),
      refusedStarts: members.reduce((sum, { refusals }) => sum + refusals, 0),
      faults: this.#times.faults.length,
      kinds: this.#times.byKind(),
      losses: this.#losses,
      violationCount: this.#violationCount,
      violations: this.#violations,
      folder: this.#violationCount > 0 || this.#options.isKept ? this.#folder : undefined,
    };
  }

  async #check(load: Load): Promise<void> {
    this.#last = 'checking';
    const { told } = load;
    const client = load.client();
    try {
      const names = new Set(told.map(({ account }) => account));
      this.#checked = checkHistories(told, await readHistories(client, names, this.violation));
    } finally {
      await client.close();
    }
    for (const { kind, account, detail } of this.#checked.violations) this.violation(kind, detail, account);
  }

  #onFault({ kind, detail }: Fault): void {
    this.#last = `${kind}: ${detail}`;
    if (this.#options.isVerbose) this.#options.say(`${this.#seconds()} ${this.#last}`);
  }

  #seconds(): string {
    return `${((systemClock.nowMs() - this.#startedMs) / 1_000).toFixed(0).padStart(5)} s`;
  }

  #tellProgress(): () => void {
    let isOver = false;
    const tell = async (): Promise<void> => {
      while (!isOver) {
        await pause(PROGRESS_EVERY_MS);
        if (isOver) return;
        const { acked = 0, calls = 0 } = this.#load?.counts ?? {};
        const faults = this.#times.faults.length;
        const head = `${this.#seconds()}  ${acked} events, ${calls} calls, ${faults} faults`;
        this.#options.say(`${head}, ${this.#violationCount} violations; ${this.#last}`);
      }
    };
    void tell();
    return () => {
      isOver = true;
    };
  }
}
