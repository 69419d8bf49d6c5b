// The tokens of a text, one a line: for tests, and for people who look for what the lexer does.
import type { SourceText } from '../source/source-text.ts';
import { lex } from './lexer.ts';
import { T, tokenKindName } from './token.ts';

/** `line:column Kind text`, a `^` before the first token of a line, and comments at the end. */
export function tokensText(source: SourceText): string {
  const { kinds, starts, ends, lineStarts, count, comments } = lex(source, () => undefined);
  const lines: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const kind = kinds[index] ?? T.Eof;
    lines.push(
      lineOf(source, tokenKindName(kind), starts[index] ?? 0, ends[index] ?? 0, lineStarts[index] === 1),
    );
  }
  for (const { span } of comments) lines.push(lineOf(source, 'Comment', span.start, span.end, false));
  return `${lines.join('\n')}\n`;
}

function lineOf(source: SourceText, kind: string, start: number, end: number, isFirst: boolean): string {
  const { line, column } = source.positionAt(start);
  const text = JSON.stringify(source.text.slice(start, end)).slice(1, -1).replaceAll('\\"', '"');
  return `${isFirst ? '^' : ' '} ${line}:${column} ${kind} ${text}`.trimEnd();
}
