// Where and why a module failed to load, read from what was thrown: engines and compilers each say it in their own way.
import { fileURLToPath } from 'node:url';
import { shownPath } from '../shown-path.ts';

export interface LoadProblem {
  /** `FILE:LINE:COLUMN`, as far as it is known. */
  readonly place: string;
  readonly problem: string;
}

const QUERY = /\?granary=\d+/g;

/** `file` is the one that was asked for: the place when nothing better is known. */
export function placeOf(thrown: unknown, file: string): LoadProblem {
  if (!(thrown instanceof Error)) return { place: shownPath(file), problem: `it threw ${String(thrown)}` };
  const message = thrown.message.replaceAll(QUERY, '').replaceAll(/file:\/\/\S+/g, asPath);
  const compiled = /^(.+?):(\d+):(\d+): (.*)$/s.exec(message);
  if (compiled) {
    const [, path = file, line, column, problem = ''] = compiled;
    return { place: `${shownPath(path)}:${line}:${column}`, problem };
  }
  return { place: placeIn(thrown.stack ?? '') ?? shownPath(file), problem: message };
}

/** The first line of the user's in a stack trace; SyntaxErrors have it on top, without a frame. */
function placeIn(stack: string): string | undefined {
  const lines = stack.replaceAll(QUERY, '').split('\n');
  const head = /^(file:\/\/\S+?|\/\S+?):(\d+)(?::(\d+))?$/.exec(lines[0] ?? '');
  const frame = lines
    .map((line) => /^\s+at (?:.*\()?((?:file:\/\/)?\/[^)]+?):(\d+):(\d+)\)?$/.exec(line))
    .find((match) => match && isUsers(match[1] ?? ''));
  const [, file, line, column] = head ?? frame ?? [];
  if (file === undefined) return undefined;
  return [shownPath(asPath(file)), line, column].filter((part) => part !== undefined).join(':');
}

/** Neither a package's, nor our own: our folder begins two above this file. */
function isUsers(file: string): boolean {
  const own = fileURLToPath(new URL('../../../', import.meta.url));
  const path = asPath(file);
  if (path.includes('/node_modules/')) return false;
  return !/^(lib|directory|silo|gateway)\//.test(path.startsWith(own) ? path.slice(own.length) : '');
}

function asPath(text: string): string {
  try {
    return text.startsWith('file://') ? fileURLToPath(text) : text;
  } catch {
    return text;
  }
}
