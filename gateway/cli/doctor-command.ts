// `granary doctor`: looks whether this machine, this folder and that host are as they should be.
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { fromUnknown, type GrainError } from '../../lib/index.ts';
import type { GranaryConfig } from '../config/config-keys.ts';
import { DATA_FOLDER } from '../host.ts';
import { IN_MEMORY, openStorage } from '../host-storage.ts';
import { ask, targetOf } from './ask.ts';
import type { Cli, ExitCode } from './cli.ts';
import { describeFailure } from './failure.ts';
import { readSettings } from './settings-file.ts';
import type { Style } from './terminal.ts';

export interface DoctorFlags extends Partial<
  Pick<GranaryConfig, 'url' | 'token' | 'data' | 'host' | 'port'>
> {
  readonly json?: boolean;
  readonly config?: string;
}

export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly next?: string;
}

type Settings = Partial<GranaryConfig>;

const NODE_LEAST = [20, 19] as const;
const STYLES: Readonly<Record<Finding['status'], Style>> = { ok: 'green', warn: 'yellow', fail: 'red' };

export async function runDoctor(
  cli: Cli,
  { json: isJson = false, config, ...flags }: DoctorFlags,
): Promise<ExitCode> {
  const findings = [checkNode(process.versions.node), { ...ok('granary', cli.version) }];
  const settings = await settingsOr(findings, () => readSettings(cli, flags, config));
  if (settings) {
    findings.push(await checkData(cli, settings), await checkPort(settings));
    findings.push(...(await checkUrl(settings, settings.url !== undefined)));
  }
  for (const finding of findings) cli.terminal.out(lineOf(cli, finding, isJson));
  return findings.some(({ status }) => status === 'fail') ? 1 : 0;
}

function lineOf({ terminal }: Cli, finding: Finding, isJson: boolean): string {
  if (isJson) return `${JSON.stringify(finding)}\n`;
  const { check, status, message, next } = finding;
  const head = `${terminal.paint(STYLES[status], status.padEnd(4))}  ${check.padEnd(8)} ${message}\n`;
  return next === undefined ? head : `${head}      ${''.padEnd(8)} next: ${next}\n`;
}

function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message };
}

/** What was thrown, as a finding. */
function failed(check: string, thrown: unknown, status: 'warn' | 'fail' = 'fail'): Finding {
  const { code, message, next } = describeFailure(thrown);
  return { check, status, message: `${code}: ${message}`, ...(next === undefined ? {} : { next }) };
}

async function settingsOr(findings: Finding[], read: () => Promise<Settings>): Promise<Settings | undefined> {
  try {
    const settings = await read();
    findings.push(ok('config', Object.keys(settings).join(', ') || 'defaults'));
    return settings;
  } catch (thrown) {
    findings.push(failed('config', thrown));
    return undefined;
  }
}

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = NODE_LEAST;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok('node', version);
  const message = `${version} is too old, Granary needs ${leastMajor}.${leastMinor}`;
  return {
    check: 'node',
    status: 'fail',
    message,
    next: 'install a current Node.js from https://nodejs.org',
  };
}

async function checkData(
  { clock, rng, folder: from }: Cli,
  { data = DATA_FOLDER }: Settings,
): Promise<Finding> {
  if (data === IN_MEMORY)
    return { check: 'data', status: 'warn', message: 'in memory: nothing outlives the process' };
  const folder = path.resolve(from, data);
  try {
    if (!existsSync(folder)) {
      accessSync(existingParent(folder), constants.W_OK);
      return ok('data', `${data} will be made`);
    }
    if (!statSync(folder).isDirectory()) throw new Error('it is not a folder');
    accessSync(folder, constants.W_OK);
    const { storage } = await openStorage(folder, { clock, rng });
    await storage.close();
    return ok('data', `${data} can be written, and is free and healthy`);
  } catch (thrown) {
    return dataProblem(data, thrown);
  }
}

function dataProblem(data: string, thrown: unknown): Finding {
  const error: GrainError = fromUnknown(thrown);
  // A host that runs is the usual reason.
  if (error.code === 'ERR_STORE_LOCKED') return failed('data', thrown, 'warn');
  if (error.code !== 'ERR_INTERNAL') return failed('data', thrown);
  const message = `${data}: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  return {
    check: 'data',
    status: 'fail',
    message,
    next: 'choose another folder with --data, or mend its rights',
  };
}

function existingParent(folder: string): string {
  const parent = path.dirname(folder);
  return existsSync(parent) || parent === folder ? parent : existingParent(parent);
}

async function checkPort({ host = '127.0.0.1', port = 7400 }: Settings): Promise<Finding> {
  const problem = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
  if (!problem) return ok('port', `${host}:${port} is free`);
  const isTaken = problem.code === 'EADDRINUSE';
  const message = isTaken ? `${host}:${port} is taken` : `${host}:${port}: ${problem.message}`;
  const next = isTaken
    ? 'fine when that is your host; else choose another with --port'
    : 'choose another with --port or --host';
  return { check: 'port', status: isTaken ? 'warn' : 'fail', message, next };
}

async function checkUrl(settings: Settings, isAsked: boolean): Promise<Finding[]> {
  try {
    const target = targetOf(settings);
    await ask(target, '/health');
    const answer = await ask(target, '/v1/cores');
    if (answer.status === 'error') {
      const { code, message } = answer.error;
      const next = code === 'ERR_AUTH_REQUIRED' ? { next: 'pass --token, or set GRANARY_TOKEN' } : {};
      return [{ check: 'host', status: 'fail', message: `${target.url}: ${code}: ${message}`, ...next }];
    }
    const cores = answer.data as readonly { readonly name: string }[];
    return [
      ok('host', `${target.url} answers; Cores: ${cores.map(({ name }) => name).join(', ') || 'none'}`),
    ];
  } catch (thrown) {
    // Nobody said that there should be one.
    return [failed('host', thrown, isAsked ? 'fail' : 'warn')];
  }
}
