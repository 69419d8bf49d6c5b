// Finds and reads granary.config.{ts,js,json}, and lays flags and variables over it.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { GrainError } from '../../lib/index.ts';
import type { GranaryConfig } from '../config/config-keys.ts';
import { checkSettings, settingsFromEnv } from '../config/settings.ts';
import type { Cli } from './cli.ts';
import { importFile } from './cores/core-loader.ts';
import { placeOf } from './cores/load-problem.ts';
import { shownPath } from './shown-path.ts';

const NAMES = ['ts', 'mts', 'js', 'mjs', 'json'].map((ending) => `granary.config.${ending}`);

type GivenSettings = { readonly [Name in keyof GranaryConfig]?: GranaryConfig[Name] | undefined };

/** @throws ERR_CONFIG_INVALID, ERR_FILE_UNREADABLE */
export async function readSettings(
  cli: Cli,
  flags: GivenSettings,
  named?: string,
): Promise<Partial<GranaryConfig>> {
  const file = settingsFile(cli.folder, named);
  const fromFile = file === undefined ? {} : fromFolder(await readFile(file), path.dirname(file));
  return { ...fromFile, ...settingsFromEnv(cli.env), ...(given(flags) as Partial<GranaryConfig>) };
}

function settingsFile(folder: string, named: string | undefined): string | undefined {
  if (named !== undefined) {
    const file = path.resolve(folder, named);
    if (existsSync(file)) return file;
    throw new GrainError('ERR_FILE_UNREADABLE', { message: `there is no file ${named}`, file });
  }
  const [first, second] = NAMES.map((name) => path.join(folder, name)).filter((file) => existsSync(file));
  if (second === undefined) return first;
  const message = `there are two configurations, ${shownPath(first ?? '')} and ${shownPath(second)}: keep one`;
  throw new GrainError('ERR_CONFIG_INVALID', { message });
}

async function readFile(file: string): Promise<Partial<GranaryConfig>> {
  return checkSettings(await contentOf(file), shownPath(file));
}

async function contentOf(file: string): Promise<unknown> {
  try {
    if (file.endsWith('.json')) return JSON.parse(readFileSync(file, 'utf8')) as unknown;
    const module = await importFile(file);
    return module['default'] ?? module['config'];
  } catch (thrown) {
    const { place, problem } = placeOf(thrown, file);
    throw new GrainError('ERR_CONFIG_INVALID', { message: `${place}: ${problem}` }, { cause: thrown });
  }
}

/** Paths in the file are meant from where the file is. */
function fromFolder(settings: Partial<GranaryConfig>, folder: string): Partial<GranaryConfig> {
  const { cores, data, linkTls } = settings;
  const files = Object.entries(linkTls ?? {}) as [string, unknown][];
  const absolute = files.map(([name, file]) => [
    name,
    typeof file === 'string' ? path.resolve(folder, file) : file,
  ]);
  return {
    ...settings,
    ...(cores ? { cores: cores.map((core) => path.resolve(folder, core)) } : {}),
    ...(linkTls ? { linkTls: Object.fromEntries(absolute) as typeof linkTls } : {}),
    ...(data === undefined || data === 'memory' ? {} : { data: path.resolve(folder, data) }),
  };
}

function given<T extends object>(flags: T): Partial<T> {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) as Partial<T>;
}
