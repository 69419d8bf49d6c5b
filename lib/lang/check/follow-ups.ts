// Keeps back what only follows from errors of the parser: what could not be read cannot be missed.
import type { DiagnosticCode } from '../source/codes.ts';
import type { Diagnostic, Report } from '../source/diagnostic.ts';
import type { Span } from '../source/source-text.ts';
import type { FileNode } from '../syntax/ast.ts';

const SYNTAX = /^E(0|10[0-8]|114)/;

/** Names that may have been declared in what was not read, anywhere. */
const ANYWHERE: ReadonlySet<DiagnosticCode> = new Set(['E202', 'E203', 'E204', 'E205', 'E208', 'E209']);
/** What may have stood, or been used, in the part of the same declaration that was not read. */
const NEARBY: ReadonlySet<DiagnosticCode> = new Set(['E110', 'E200', 'E304', 'E309', 'E311', 'E401', 'W402']);

/** What a value is, and whether it fits: said of a part of a line, the rest of which was not read, it is a guess. */
const SAME_LINE: ReadonlySet<DiagnosticCode> = new Set(['E300', 'E301', 'E302', 'E303', 'E306', 'E308']);

export function isSyntaxError({ code }: Diagnostic): boolean {
  return SYNTAX.test(code);
}

/** Whether a place is in a declaration that could not be read as a whole. */
export function brokenPlaces(file: FileNode, syntaxErrors: readonly Diagnostic[]): (at: number) => boolean {
  const places = syntaxErrors.filter(({ source }) => source === file.source).map(({ span }) => span.start);
  if (places.length === 0) return () => false;
  const spans: readonly Span[] = file.items
    .flatMap((item) => (item.kind === 'core' ? item.members.map(({ span }) => span) : [item.span]))
    .sort((one, other) => one.start - other.start);
  const broken = spans.filter(({ start, end }, index) => {
    // What is missing at the end of a declaration is reported behind it: up to the next one a place is this one's.
    const reach = Math.max(end, (spans[index + 1]?.start ?? Infinity) - 1);
    return places.some((place) => place >= start && place <= reach);
  });
  return (at) => broken.some(({ start, end }) => at >= start && at <= end);
}

/** Whether a place is in a line that could not be read as a whole. */
export function brokenLines(file: FileNode, syntaxErrors: readonly Diagnostic[]): (at: number) => boolean {
  const { source } = file;
  const lineOf = (at: number): number => source.positionAt(at).line;
  const lines = new Set(
    syntaxErrors.filter((error) => error.source === source).map(({ span }) => lineOf(span.start)),
  );
  return (at) => lines.size > 0 && lines.has(lineOf(at));
}

export function withoutFollowUps(
  report: Report,
  isBroken: (at: number) => boolean,
  isLineBroken: (at: number) => boolean,
  hasSyntaxErrors: boolean,
): Report {
  if (!hasSyntaxErrors) return report;
  return (code, span, message, extras) => {
    // Who uses a name may not have been read either.
    if (ANYWHERE.has(code) || code === 'W401') return;
    if (NEARBY.has(code) && isBroken(span.start)) return;
    if (SAME_LINE.has(code) && isLineBroken(span.start)) return;
    report(code, span, message, extras);
  };
}
