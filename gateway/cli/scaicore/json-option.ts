// JSON on the command line: as it stands, `@FILE`, or `-` for standard input.
import { readFileSync } from 'node:fs';
import { GrainError } from '../../../lib/index.ts';
import type { JsonValue } from '../../../lib/lang/index.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../terminal.ts';
import { readText } from './source-files.ts';

export type JsonObject = Readonly<Record<string, JsonValue>>;
const STANDARD_INPUT = 0;

/** @throws ERR_OPTION_INVALID, ERR_FILE_UNREADABLE */
export function jsonOption(cli: Pick<Cli, 'folder'>, text: string, option: string): JsonValue {
  if (text === '-') return parsed(readFileSync(STANDARD_INPUT, 'utf8'), option, 'standard input');
  if (text.startsWith('@')) return jsonFile(cli, text.slice(1), option);
  return parsed(text, option, printable(text.length > 80 ? `${text.slice(0, 79)}…` : text));
}

/** @throws ERR_OPTION_INVALID, ERR_FILE_UNREADABLE */
export function jsonFile(cli: Pick<Cli, 'folder'>, file: string, option: string): JsonValue {
  return parsed(readText(file, cli), option, file);
}

/** @throws ERR_OPTION_INVALID */
export function asObject(value: JsonValue, option: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw invalidOption(option, `--${option} has to be a JSON object, such as '{"name":"Ada"}'`);
}

/** The value of JSON text, or else the text itself. */
export function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

export function invalidOption(option: string, message: string, cause?: unknown): GrainError {
  return new GrainError('ERR_OPTION_INVALID', { message, option }, { cause });
}

function parsed(text: string, option: string, what: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw invalidOption(option, `--${option} is not JSON: ${what} (${printable(problem)})`, cause);
  }
}
