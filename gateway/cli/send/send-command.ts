// `granary send`: streams a file of events, and goes on where it stopped when it was stopped.
//   S1. Whoever runs the command again after a crash gets each event exactly once: the state file has the session, and
//       the session has the rest (stream-job.ts).
//   S2. Without a file (standard input) there is nothing to go on with: a crash leaves open what was in flight.
import { createReadStream } from 'node:fs';
import { fromUnknown, GrainError, nearestName } from '../../../lib/index.ts';
import type { CoreManifest } from '../../../silo/index.ts';
import { connect } from '../../client/node.ts';
import type { GranaryConfig } from '../../config/config-keys.ts';
import { AnswerError, askFor, type Target, targetOf } from '../ask.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { Progress } from '../progress.ts';
import { readSettings } from '../settings-file.ts';
import { shownPath } from '../shown-path.ts';
import { grouped } from '../table.ts';
import { printable } from '../terminal.ts';
import {
  findInput,
  fingerprint,
  type Fingerprint,
  type InputFile,
  isSameInput,
  stateFileFor,
} from './input-file.ts';
import { EMPTY_STATE, forgetState, type JobState, loadState, type Refusal, saveState } from './job-state.ts';
import { jsonLines } from './json-lines.ts';
import { type JobItem, type JobResult, runJob } from './stream-job.ts';

export interface SendFlags extends Partial<Pick<GranaryConfig, 'url' | 'token'>> {
  readonly core: string;
  readonly event: string;
  readonly key?: string;
  readonly rate?: number;
  readonly window?: number;
  readonly from?: number;
  readonly restart?: boolean;
  readonly state?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** What the state file remembers of the input. */
interface Notes extends Fingerprint {
  readonly file: string;
  readonly fromLine: number;
  /** Of the input when it was sent completely. */
  readonly size?: number;
}

interface Plan {
  readonly input: InputFile | undefined;
  readonly stateFile: string | undefined;
  readonly state: JobState;
  readonly fromLine: number;
  readonly key: string | undefined;
}

const WINDOW = 1_024;
const REFUSALS_SHOWN = 20;

export async function runSend(cli: Cli, name: string, flags: SendFlags): Promise<ExitCode> {
  const { json: isJson = false, config, url, token } = flags;
  const target = targetOf(await readSettings(cli, { url, token }, config));
  const key = await checkTarget(target, flags);
  const plan = await planOf(cli, name, { target, flags, key });
  if (isSentAlready(plan)) return tellSentBefore(cli, plan, isJson);
  tellStart(cli, name, plan);
  const result = await streamInput(cli, plan, { target, flags });
  if (isJson) cli.terminal.out(`${JSON.stringify(summaryOf(result))}\n`);
  else tellResult(cli, result);
  return result.refusalCount > 0 || result.isStopped ? 1 : 0;
}

// ---- Before ----

/** Looks whether the events have somewhere to go; answers the property that holds the key. @throws what is wrong */
async function checkTarget(target: Target, { core, event, key }: SendFlags): Promise<string | undefined> {
  const manifest = await manifestOf(target, core);
  const events = Object.keys(manifest.events);
  if (!events.includes(event)) {
    const nearest = nearestName(event, events);
    const hint =
      nearest === undefined ? `it has: ${events.join(', ') || 'none'}` : `did you mean ${nearest}?`;
    throw new GrainError('ERR_EVENT_UNKNOWN', {
      message: `${core} has no event ${event}; ${hint}`,
      core,
      event,
    });
  }
  return manifest.mode === 'entity' ? (key ?? manifest.entityKey) : undefined;
}

async function manifestOf(target: Target, core: string): Promise<CoreManifest> {
  try {
    return (await askFor(target, `/v1/cores/${encodeURIComponent(core)}`)) as CoreManifest;
  } catch (thrown) {
    if (!(thrown instanceof AnswerError) || thrown.report.code !== 'ERR_CORE_UNKNOWN') throw thrown;
    const cores = ((await askFor(target, '/v1/cores')) as readonly CoreManifest[]).map(({ name }) => name);
    const nearest = nearestName(core, cores);
    const hint = nearest === undefined ? `it has: ${cores.join(', ') || 'none'}` : `did you mean ${nearest}?`;
    throw new GrainError('ERR_CORE_UNKNOWN', { message: `${target.url} has no Core ${core}; ${hint}`, core });
  }
}

interface PlanParts {
  readonly target: Target;
  readonly flags: SendFlags;
  readonly key: string | undefined;
}

async function planOf(cli: Cli, name: string, { target, flags, key }: PlanParts): Promise<Plan> {
  const { from = 1, restart: isRestart = flags.from !== undefined } = flags;
  if (name === '-') {
    return { input: undefined, stateFile: undefined, state: EMPTY_STATE, fromLine: from, key };
  }
  const input = findInput(name, cli.folder);
  const place = [target.url, flags.core, flags.event, key];
  const stateFile = flags.state ?? stateFileFor(input, place, cli.env);
  if (isRestart) await forgetState(stateFile);
  const found = await loadState(stateFile);
  const notes = found?.notes as Notes | undefined;
  if (found && notes && isSameInput(input, notes)) {
    return { input, stateFile, state: found, fromLine: notes.fromLine, key };
  }
  if (found)
    cli.terminal.err(`${name} is not the file of that name that was sent before: starting with it anew.\n`);
  const fresh: Notes = { ...fingerprint(input), file: input.path, fromLine: from };
  return { input, stateFile, state: { ...EMPTY_STATE, notes: { ...fresh } }, fromLine: from, key };
}

function isSentAlready({ input, state }: Plan): boolean {
  const { size } = (state.notes ?? {}) as Partial<Notes>;
  return input !== undefined && state.finishedAt !== undefined && size === input.size;
}

// ---- Streaming ----

async function streamInput(
  cli: Cli,
  plan: Plan,
  { target, flags }: { readonly target: Target; readonly flags: SendFlags },
): Promise<JobResult> {
  const { clock, terminal, stopSignal } = cli;
  const progress = new Progress({ terminal, clock, unit: 'events', isQuiet: flags.json ?? false });
  const { token } = target;
  const client = connect(target.url, {
    ...(token === undefined ? {} : { token }),
    onState: (state, cause) =>
      progress.note(state === 'connecting' && cause ? `waiting for the gateway: ${cause.message}` : ''),
  });
  const local: Refusal[] = [];
  const isKnown = new Set(plan.state.refusals.map(({ line }) => line));
  const tellRefusal = refusalTeller(progress, flags.json ?? false);
  try {
    const result = await runJob({
      client,
      core: flags.core,
      event: flags.event,
      input: (skip) =>
        eventsOf(plan, skip, (refusal) => {
          if (isKnown.has(refusal.line)) return;
          local.push(refusal);
          tellRefusal(refusal);
        }),
      clock,
      window: flags.window ?? WINDOW,
      rate: flags.rate,
      state: plan.state,
      save: (state) => save(plan, withLocal(state, local)),
      onProgress: ({ settled, share }) => progress.update(settled, share),
      onRefusal: tellRefusal,
      stopSignal,
    });
    const { refusals, refusalCount } = withLocal({ ...EMPTY_STATE, ...result }, local);
    return { ...result, refusals, refusalCount };
  } catch (thrown) {
    throw await explained(thrown, plan);
  } finally {
    progress.end();
    await client.close();
  }
}

/** Lines that never became an event are the file's refusals as well. */
function withLocal(state: JobState, local: readonly Refusal[]): JobState {
  const refusals = [...state.refusals, ...local].sort((left, right) => left.line - right.line);
  return { ...state, refusals, refusalCount: state.refusalCount + local.length };
}

function eventsOf(plan: Plan, skip: number, onRefusal: (refusal: Refusal) => void): AsyncIterable<JobItem> {
  const { input, fromLine, key } = plan;
  const chunks = input ? createReadStream(input.path, { end: Math.max(0, input.size - 1) }) : process.stdin;
  const bytes = chunks as AsyncIterable<Uint8Array>;
  return jsonLines(bytes, skip, { key, size: input?.size, fromLine, onRefusal });
}

async function save({ stateFile, input }: Plan, state: JobState): Promise<void> {
  if (stateFile === undefined || !input) return;
  const size = state.finishedAt === undefined ? undefined : input.size;
  await saveState(stateFile, { ...state, notes: { ...state.notes, size } });
}

/** A lost session is told with the line of the file from which on nobody knows. */
async function explained(thrown: unknown, plan: Plan): Promise<unknown> {
  const error = fromUnknown(thrown);
  const { from } = error.details;
  if (error.code !== 'ERR_SESSION_LOST' || typeof from !== 'number') return thrown;
  for await (const { line } of eventsOf(plan, from - 1, () => undefined)) {
    const message =
      `the session is gone, and with it the outcome of what was sent from line ${line} on. Look how far it came, ` +
      'then go on with --from LINE, or from the first line with --restart';
    return new GrainError('ERR_SESSION_LOST', { message, line });
  }
  return thrown;
}

// ---- Telling ----

function tellStart({ terminal }: Cli, name: string, { state, stateFile }: Plan): void {
  if (stateFile === undefined) {
    terminal.err('Standard input cannot be resumed: after a crash, what was in flight is left open.\n');
  } else if (state.position && state.finishedAt === undefined) {
    terminal.err(`Going on where an earlier run stopped in ${name}.\n`);
  } else if (state.finishedAt !== undefined) {
    terminal.err(
      `${grouped(state.finishedAt)} events of ${name} were sent before; going on with what is new.\n`,
    );
  }
}

function tellSentBefore({ terminal }: Cli, { state, input }: Plan, isJson: boolean): ExitCode {
  const { finishedAt = 0, refusals, refusalCount } = state;
  const result: JobResult = {
    isStopped: false,
    settled: finishedAt,
    settledNow: 0,
    refusals,
    refusalCount,
    ms: 0,
  };
  if (isJson) terminal.out(`${JSON.stringify(summaryOf(result))}\n`);
  else {
    const file = shownPath(input?.path ?? '');
    terminal.out(
      `All ${grouped(finishedAt)} events of ${file} were sent before. --restart sends them again.\n`,
    );
    if (refusalCount > 0) terminal.err(`${grouped(refusalCount)} lines had been refused.\n`);
  }
  return refusalCount > 0 ? 1 : 0;
}

function refusalTeller(progress: Progress, isJson: boolean): (refusal: Refusal) => void {
  let count = 0;
  return ({ line, code, message, effect }) => {
    count += 1;
    if (isJson || count > REFUSALS_SHOWN) return;
    const doubt = effect === 'unknown' ? ' (it may have taken effect)' : '';
    progress.say(`line ${line}: ${code}: ${printable(message)}${doubt}`);
    if (count === REFUSALS_SHOWN) progress.say('Further refusals are only counted; --json lists them.');
  };
}

function tellResult({ terminal }: Cli, result: JobResult): void {
  const { settledNow, settled, refusalCount, isStopped, ms } = result;
  const perSecond = grouped((settledNow / Math.max(ms, 1)) * 1_000);
  const before = settled - settledNow;
  const rest = before > 0 ? `, after ${grouped(before)} of earlier runs` : '';
  terminal.out(`${grouped(settledNow)} events${rest}, ${perSecond}/s\n`);
  if (refusalCount > 0) terminal.err(`${grouped(refusalCount)} lines were refused.\n`);
  if (isStopped) terminal.err('Stopped. The same command goes on from there.\n');
}

function summaryOf({ settled, settledNow, refusals, refusalCount, isStopped, ms }: JobResult): object {
  return {
    settled,
    settled_now: settledNow,
    refused: refusalCount,
    refusals,
    stopped: isStopped,
    ms: Math.round(ms),
  };
}
