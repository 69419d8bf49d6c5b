// The values of text literals. Owns what three quotes leave out; both the parser and the printer go by it.
//   X1. In `"""` a first line that is blank is left out with its line break, and so is the indentation that all other
//       lines have in common; blank lines have none and do not count, but for the last, which holds the closing quotes.

export const ESCAPES_HINT = 'the escapes are \\n \\t \\r \\" \\\\ \\$ \\uXXXX and \\u{X…}';

const SIMPLE: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '"': '"', '\\': '\\', $: '$' };
const UNICODE = /u(?:([0-9a-fA-F]{4})|\{([0-9a-fA-F]{1,6})\})/y;

/** The end of the escape whose `\` is at `start`; undefined if there is none of this kind. */
export function escapeEnd(text: string, start: number): number | undefined {
  if (Object.hasOwn(SIMPLE, text.charAt(start + 1))) return start + 2;
  return unicodeAt(text, start + 1)?.end;
}

function unicodeAt(
  text: string,
  start: number,
): { readonly value: string; readonly end: number } | undefined {
  UNICODE.lastIndex = start;
  const match = UNICODE.exec(text);
  const code = parseInt(match?.[1] ?? match?.[2] ?? '', 16);
  return match && code <= 0x10ffff
    ? { value: String.fromCodePoint(code), end: UNICODE.lastIndex }
    : undefined;
}

/** What was written, with its escapes resolved; a wrong one, already reported, stays as it is. */
export function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw;
  let value = '';
  let from = 0;
  for (let at = raw.indexOf('\\'); at >= 0; at = raw.indexOf('\\', from)) {
    value += raw.slice(from, at);
    const next = raw.charAt(at + 1);
    const unicode = next === 'u' ? unicodeAt(raw, at + 1) : undefined;
    value += unicode?.value ?? (Object.hasOwn(SIMPLE, next) ? SIMPLE[next] : raw.slice(at, at + 2)) ?? '';
    from = unicode?.end ?? Math.min(raw.length, at + 2);
  }
  return value + raw.slice(from);
}

/** The values of the texts of a literal with three quotes: one, or those between its interpolations (X1). */
export function multilineValues(raws: readonly string[]): readonly string[] {
  const indent = commonIndent(raws);
  return raws.map((raw, index) => {
    const lines = raw.replaceAll('\r\n', '\n').split('\n');
    const isLastText = index === raws.length - 1;
    const kept = lines.map((line, at) => {
      if (at === 0) return line;
      const isWhole = at < lines.length - 1 || isLastText;
      return isWhole && line.trim() === '' ? '' : line.slice(indent);
    });
    if (index === 0 && kept.length > 1 && kept[0]?.trim() === '') kept.shift();
    return unescaped(kept.join('\n'));
  });
}

/** Spaces and tabs that every line but the first begins with. */
export function commonIndent(raws: readonly string[]): number {
  let least = Infinity;
  raws.forEach((raw, index) => {
    const lines = raw.split('\n');
    lines.forEach((line, at) => {
      if (at === 0) return;
      const isLastOfText = at === lines.length - 1;
      const isBlank = line.trim() === '' && !isLastOfText;
      // The last line of the literal counts even if it is blank; so does one that an interpolation follows.
      if (!isBlank) least = Math.min(least, line.length - line.trimStart().length);
      else if (isLastOfText && index === raws.length - 1) least = Math.min(least, line.length);
    });
  });
  return Number.isFinite(least) ? least : 0;
}
