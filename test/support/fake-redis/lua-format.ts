// string.format as in Lua 5.1, for numbers of any size: fengari's own knows integers of 32 bits only.
import { printNumber } from './command-table.ts';

/** Undefined: an argument is missing or wrong, or the pattern holds something that is not here. */
export function formatLua(pattern: string, values: readonly (string | number)[]): string | undefined {
  let index = 0;
  let isWrong = false;
  const text = pattern.replace(
    /%(?:%|([-+ 0]*)(\d*)(?:\.(\d+))?([a-zA-Z]))/g,
    (whole, flags: string, width: string, precision: string | undefined, kind: string | undefined) => {
      if (kind === undefined) return '%';
      const shown = formatOne(kind, values[index], precision === undefined ? undefined : Number(precision));
      index += 1;
      if (shown === undefined || flags.includes('+') || flags.includes(' ')) isWrong = true;
      return pad(shown ?? whole, Number(width), flags);
    },
  );
  return isWrong ? undefined : text;
}

function formatOne(
  kind: string,
  value: string | number | undefined,
  precision: number | undefined,
): string | undefined {
  if (value === undefined) return undefined;
  if (kind === 's')
    return String(typeof value === 'number' ? printNumber(value, 14) : value).slice(0, precision);
  const number = typeof value === 'number' ? value : Number(value.trim() === '' ? NaN : value);
  if (Number.isNaN(number)) return undefined;
  switch (kind) {
    case 'd':
    case 'i':
      return Math.trunc(number)
        .toFixed(0)
        .padStart(precision ?? 0, '0');
    case 'x':
      return Math.trunc(number)
        .toString(16)
        .padStart(precision ?? 0, '0');
    case 'X':
      return Math.trunc(number).toString(16).toUpperCase();
    case 'c':
      return String.fromCharCode(number);
    case 'f':
      return number.toFixed(precision ?? 6);
    case 'g':
      return printNumber(number, precision ?? 6);
    default:
      return undefined;
  }
}

function pad(text: string, width: number, flags: string): string {
  if (text.length >= width) return text;
  if (flags.includes('-')) return text.padEnd(width);
  if (!flags.includes('0')) return text.padStart(width);
  return text.startsWith('-') ? `-${text.slice(1).padStart(width - 1, '0')}` : text.padStart(width, '0');
}
