// `__proto__` is no name (E006): values are objects of the machine below, where assigning it changes what an object is.
import type { Diagnostics } from '../source/diagnostic.ts';
import type { SourceText } from '../source/source-text.ts';
import { lex } from '../syntax/lexer.ts';
import { T } from '../syntax/token.ts';

const RESERVED = '__proto__';

export function checkReservedNames(sources: readonly SourceText[], diagnostics: Diagnostics): void {
  for (const source of sources) {
    // Hardly any text has it, and those that have it are read once more.
    if (!source.text.includes(RESERVED)) continue;
    const { kinds, starts, ends, count } = lex(source, () => undefined);
    for (let index = 0; index < count; index += 1) {
      const span = { start: starts[index] ?? 0, end: ends[index] ?? 0 };
      if (kinds[index] === T.Ident && source.text.slice(span.start, span.end) === RESERVED)
        diagnostics.reportFor(source)('E006', span, `'${RESERVED}' cannot be a name`);
    }
  }
}
