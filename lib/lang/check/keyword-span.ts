// Where the keyword of a block stands: its span may begin with the name that it is bound to.
import type { Span } from '../source/source-text.ts';
import type { Body } from './body.ts';

export function keywordSpan(body: Body, node: { readonly span: Span }, keyword: string): Span {
  const { text } = body.scope.module.file.source;
  const found = text.indexOf(keyword, node.span.start);
  const start = found >= 0 && found < node.span.end ? found : node.span.start;
  return { start, end: Math.min(start + keyword.length, node.span.end) };
}
