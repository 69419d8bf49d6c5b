// Terminal: standard output and error as commands see them: how wide, whether somebody looks, whether in colour.
import { stripVTControlCharacters } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface Terminal {
  /** Results: what a pipe wants to have. */
  out(text: string): void;
  /** Everything that is said about them. */
  err(text: string): void;
  readonly isOutTty: boolean;
  readonly isErrTty: boolean;
  readonly columns: number;
  readonly rows: number;
  /** As it is where there are no colours. */
  paint(style: Style, text: string): string;
}

const CODES: Readonly<Record<Style, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export interface TerminalStreams {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function systemTerminal({ stdout, stderr, env }: TerminalStreams): Terminal {
  const hasColor = hasColors(stdout, env);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isOutTty: stdout.isTTY,
    isErrTty: stderr.isTTY,
    get columns() {
      return Math.max(20, stdout.columns ?? stderr.columns ?? 80);
    },
    get rows() {
      return Math.max(5, stdout.rows ?? stderr.rows ?? 24);
    },
    paint: (style, text) => {
      const [on, off] = CODES[style];
      return hasColor ? `\u001b[${on}m${text}\u001b[${off}m` : text;
    },
  };
}

/** https://no-color.org, and FORCE_COLOR for terminals that hide behind a pipe. */
function hasColors(stdout: NodeJS.WriteStream, env: Readonly<Record<string, string | undefined>>): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '0') !== '0') return true;
  return stdout.isTTY && env['TERM'] !== 'dumb';
}

/** Cells that the text takes, colours not counted. Wide letters are counted as one: good enough for tables. */
export function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** At most `columns` cells, with `…` where something was cut. Colours end with the text. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let cells = 0;
  let kept = '';
  // eslint-disable-next-line no-control-regex -- the codes of colours are what is looked for
  for (const [piece] of text.matchAll(/\u001b\[[\d;]*m|./gsu)) {
    const isCode = piece.startsWith('\u001b');
    if (!isCode && cells >= columns - 1) continue;
    if (!isCode) cells += 1;
    kept += piece;
  }
  return `${kept}…`;
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}

export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - widthOf(text))) + text;
}

/** Keys and messages come from elsewhere: they must not steer the terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, '\ufffd');
}
