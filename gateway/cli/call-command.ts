// `granary call`: one call of one flow.
import { readFileSync } from 'node:fs';
import { GrainError } from '../../lib/index.ts';
import type { GranaryConfig } from '../config/config-keys.ts';
import { ask, targetOf } from './ask.ts';
import type { Cli, ExitCode } from './cli.ts';
import { tellReport } from './failure.ts';
import { readSettings } from './settings-file.ts';

export interface CallFlags extends Partial<Pick<GranaryConfig, 'url' | 'token'>> {
  readonly deadline?: number;
  readonly id?: string;
  readonly json?: boolean;
  readonly config?: string;
}

/** Room for the way there and back, above what the call itself may take. */
const TRANSIT_MS = 5_000;
const DEADLINE_MS = 30_000;
const STANDARD_INPUT = 0;

export async function runCall(
  cli: Cli,
  grain: string,
  flow: string,
  input: string | undefined,
  { deadline, id, json: isJson = false, config, ...settingFlags }: CallFlags,
): Promise<ExitCode> {
  const target = targetOf(await readSettings(cli, settingFlags, config));
  const body = parseInput(input === '-' ? readFileSync(STANDARD_INPUT, 'utf8') : input);
  const answer = await ask(target, `${pathOf(grain)}/flows/${encodeURIComponent(flow)}`, {
    method: 'POST',
    body,
    headers: {
      'idempotency-key': id,
      'x-deadline-ms': deadline === undefined ? undefined : String(deadline),
    },
    waitMs: (deadline ?? DEADLINE_MS) + TRANSIT_MS,
  });
  if (isJson) cli.terminal.out(`${JSON.stringify(answer)}\n`);
  else if (answer.status === 'ok') cli.terminal.out(`${JSON.stringify(answer.data ?? null, undefined, 2)}\n`);
  else tellReport(cli.terminal, answer.error);
  return answer.status === 'ok' ? 0 : 1;
}

/** `airport/JFK` → the path of the grain; only the first slash parts, keys may have more. */
export function pathOf(grain: string): string {
  const at = grain.indexOf('/');
  if (at < 0) return `/v1/cores/${encodeURIComponent(grain)}`;
  const [core, key] = [grain.slice(0, at), grain.slice(at + 1)];
  return `/v1/cores/${encodeURIComponent(core)}/instances/${encodeURIComponent(key)}`;
}

function parseInput(text: string | undefined): unknown {
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (thrown) {
    const problem = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `the input is not JSON: ${problem}. Text needs quotes of its own: '"text"'`;
    throw new GrainError('ERR_OPTION_INVALID', { message, option: 'JSON' });
  }
}
