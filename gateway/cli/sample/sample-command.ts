// `npm start`: 20,000 flights over a real WebSocket into one grain per airport, checked, and served until Ctrl-C.
// The folder of the sample holds the store and job.json: the position in the stream, and the phase of the job.
//   J1. `clearing` → `streaming` → `done`, each written before its work begins: killed anywhere, the next run goes on.
//   J2. After `done`, and after a session that is gone, the grains are erased and the job begins anew: the figures are
//       those of one pass over the file.
import path from 'node:path';
import { type AnyCore, fromUnknown } from '../../../lib/index.ts';
import { connect, type GranaryClient } from '../../client/node.ts';
import { type Host, startHost } from '../../host.ts';
import { type Cli, type ExitCode, stopped } from '../cli.ts';
import { CoreLoader } from '../cores/core-loader.ts';
import { Progress } from '../progress.ts';
import { EMPTY_STATE, type JobState, loadState, saveState } from '../send/job-state.ts';
import { type JobItem, type JobResult, runJob } from '../send/stream-job.ts';
import { readSettings } from '../settings-file.ts';
import { shownPath } from '../shown-path.ts';
import { grouped } from '../table.ts';
import { logFor } from '../terminal-log.ts';
import { exampleFile, type Expected, type Flight, foldFlights, readFlights } from './flights.ts';
import { askGrains } from './result.ts';
import { resultLines } from './result-table.ts';

export interface SampleFlags {
  readonly once?: boolean;
  readonly port?: number;
  readonly data?: string;
}

const FOLDER = '.granary/sample';
/** Events on their way at a time. */
const WINDOW = 1_024;

export async function runSample(
  cli: Cli,
  { once: isOnce = false, ...flags }: SampleFlags,
): Promise<ExitCode> {
  const { terminal, clock } = cli;
  const settings = await readSettings(cli, flags);
  const folder = path.resolve(cli.folder, flags.data ?? FOLDER);
  const { cores } = await new CoreLoader().load([exampleFile()]);
  const host = await startHost({
    port: settings.port,
    data: path.join(folder, 'store'),
    cores: [...cores.values()].map(({ core }): AnyCore => core),
    log: logFor(terminal, clock, 'warn', false),
  });
  try {
    const isRight = await runFlights(cli, host, path.join(folder, 'job.json'));
    if (!isOnce && !cli.stopSignal.aborted) {
      terminal.out(servingText(host, folder));
      await stopped(cli);
    }
    return isRight ? 0 : 1;
  } finally {
    await host.stop();
  }
}

/** Whether every event was counted once. */
async function runFlights(cli: Cli, host: Host, stateFile: string): Promise<boolean> {
  const { terminal, clock } = cli;
  const flights = readFlights();
  const expected = foldFlights(flights);
  const { state, isAnew } = await prepare(cli, host, stateFile, expected);
  const { airports } = expected;
  terminal.err(
    `Streaming ${grouped(flights.length)} flights over ${host.stream}, into one grain for each of ` +
      `${airports.size} airports.\n`,
  );
  const client = connect(host.url);
  try {
    const job = await stream(cli, client, { flights, state, stateFile });
    if (job === undefined) return await startAgain(cli, host, stateFile);
    if (job.isStopped) return tellStopped(cli, job);
    const result = await askGrains(client, expected, clock);
    const isRight = result.problems.length === 0 && job.refusalCount === 0;
    terminal.out(`\n${resultLines(terminal, { job, result, isAnew }).join('\n')}\n`);
    if (isRight) await saveState(stateFile, { ...EMPTY_STATE, notes: { phase: 'done' } });
    return isRight;
  } finally {
    await client.close();
  }
}

interface Prepared {
  readonly state: JobState;
  /** Whether it begins with the first flight. */
  readonly isAnew: boolean;
}

async function prepare(cli: Cli, host: Host, stateFile: string, { airports }: Expected): Promise<Prepared> {
  const found = await loadState(stateFile);
  const phase = found?.notes?.['phase'];
  if (found && phase === 'streaming') {
    cli.terminal.err('An earlier run was interrupted: going on where it stopped.\n');
    return { state: found, isAnew: false };
  }
  // Written first: killed while it erases, the next run erases again (J1).
  await saveState(stateFile, { ...EMPTY_STATE, notes: { phase: 'clearing' } });
  if (found) {
    cli.terminal.err('Erasing the figures of the run before.\n');
    await eraseGrains(host, [...airports.keys()]);
  }
  const state: JobState = { ...EMPTY_STATE, notes: { phase: 'streaming' } };
  await saveState(stateFile, state);
  return { state, isAnew: true };
}

/** Over the public interface, as a user would. */
async function eraseGrains({ url }: Host, airports: readonly string[]): Promise<void> {
  const ask = async (method: string, path: string): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url + path, { method, headers });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  };
  await Promise.all([
    ...airports.map((key) => ask('DELETE', `/v1/cores/airport/instances/${encodeURIComponent(key)}`)),
    ask('POST', '/v1/cores/board/flows/clear'),
  ]);
}

interface Streaming {
  readonly flights: readonly Flight[];
  readonly state: JobState;
  readonly stateFile: string;
}

/** Undefined when the session of an earlier run is gone. */
async function stream(
  { terminal, clock, stopSignal }: Cli,
  client: GranaryClient,
  { flights, state, stateFile }: Streaming,
): Promise<JobResult | undefined> {
  const progress = new Progress({ terminal, clock, unit: 'events', total: flights.length });
  const input = (skip: number): JobItem[] =>
    flights.slice(skip).map((data, index) => {
      const line = skip + index + 1;
      return { line, key: data.origin, data, share: line / flights.length };
    });
  try {
    return await runJob({
      client,
      core: 'airport',
      event: 'flight',
      input,
      clock,
      window: WINDOW,
      state,
      save: (next) => saveState(stateFile, next),
      onProgress: ({ settled, share }) => progress.update(settled, share),
      onRefusal: ({ line, code, message }) => progress.say(`flight ${line}: ${code}: ${message}`),
      stopSignal,
    });
  } catch (thrown) {
    if (fromUnknown(thrown).code !== 'ERR_SESSION_LOST') throw thrown;
    return undefined;
  } finally {
    progress.end();
  }
}

async function startAgain(cli: Cli, host: Host, stateFile: string): Promise<boolean> {
  cli.terminal.err('The session of the earlier run is gone: starting anew.\n');
  await saveState(stateFile, { ...EMPTY_STATE, notes: { phase: 'clearing' } });
  return await runFlights(cli, host, stateFile);
}

function tellStopped({ terminal }: Cli, { settled }: JobResult): boolean {
  terminal.err(`Stopped after ${grouped(settled)} events. The next run goes on from there.\n`);
  return false;
}

function servingText({ url, stream: streamUrl }: Host, folder: string): string {
  const lines = [
    `HTTP       ${url}`,
    `WebSocket  ${streamUrl}`,
    `Data       ${shownPath(folder)}`,
    '',
    'Try',
    `curl -X POST ${url}/v1/cores/airport/instances/JFK/flows/stats`,
    `curl -X POST ${url}/v1/cores/board/flows/show`,
    `npx granary top --url ${url}`,
    '',
    'Serving until Ctrl-C. The next run begins anew.',
  ];
  return `\n${lines.join('\n')}\n`;
}
