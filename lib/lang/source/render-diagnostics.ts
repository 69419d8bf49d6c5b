// Diagnostics for people (a line of source with carets), for programs (JSON), and for tools that show them beside the
// code (SARIF 2.1.0).
import { DIAGNOSTICS } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { SourceText, Span } from './source-text.ts';

export interface RenderOptions {
  /** Terminal colours. @default false */
  readonly color?: boolean;
}

/** Longer lines are cut around the place. */
const LINE_MAX = 110;

type Paint = (code: string, text: string) => string;
const RED = '31;1';
const YELLOW = '33;1';
const BLUE = '34;1';
const BOLD = '1';

/** `error[E200]: …`, the place, the line, what to do. Several lines, without a line break at the end. */
export function renderDiagnostic(diagnostic: Diagnostic, { color = false }: RenderOptions = {}): string {
  const paint: Paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { code, severity, message, source, span, hint, related = [] } = diagnostic;
  const tone = severity === 'error' ? RED : YELLOW;
  const lines = [`${paint(tone, `${severity}[${code}]`)}${paint(BOLD, `: ${message}`)}`];
  lines.push(...excerpt(source, span, tone, paint));
  if (hint !== undefined) lines.push(`  ${paint(BLUE, '=')} ${paint(BOLD, 'help')}: ${hint}`);
  for (const other of related) {
    lines.push(`  ${paint(BLUE, '=')} ${other.message}:`, ...excerpt(other.source, other.span, BLUE, paint));
  }
  return lines.join('\n');
}

function excerpt(source: SourceText, span: Span, tone: string, paint: Paint): string[] {
  const { line, column } = source.positionAt(span.start);
  const number = String(line);
  const margin = ' '.repeat(number.length);
  const place = `${source.name}:${line}:${column}`;
  // A place outside of the text, such as the end of an empty file, has no line to show.
  const whole = source.lineText(line).replaceAll('\t', ' ');
  const length = Math.max(1, Math.min(span.end, span.start + whole.length - column + 1) - span.start);
  const { text, from } = window(whole, column - 1, length);
  const carets = '^'.repeat(Math.max(1, Math.min(length, text.length - from)));
  return [
    `${margin} ${paint(BLUE, '-->')} ${place}`,
    `${margin} ${paint(BLUE, '|')}`,
    `${paint(BLUE, `${number} |`)} ${text}`,
    `${margin} ${paint(BLUE, '|')} ${' '.repeat(from)}${paint(tone, carets)}`,
  ];
}

/** The part of a long line around the place, and where the place is in it. */
function window(line: string, at: number, length: number): { readonly text: string; readonly from: number } {
  const whole = printable(line);
  if (whole.length <= LINE_MAX) return { text: whole.trimEnd(), from: at };
  const start = Math.max(0, Math.min(at - 20, whole.length - LINE_MAX));
  const end = Math.min(whole.length, Math.max(start + LINE_MAX, Math.min(at + length, start + LINE_MAX)));
  const head = start > 0 ? '…' : '';
  const tail = end < whole.length ? '…' : '';
  return { text: `${head}${whole.slice(start, end)}${tail}`, from: at - start + head.length };
}

/** Control characters would play with the terminal. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '\u{fffd}');
}

export interface DiagnosticJson {
  readonly code: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly end_line: number;
  readonly end_column: number;
  readonly hint?: string;
}

export function diagnosticToJson({
  code,
  severity,
  message,
  source,
  span,
  hint,
}: Diagnostic): DiagnosticJson {
  const start = source.positionAt(span.start);
  const end = source.positionAt(Math.max(span.start, span.end));
  return {
    code,
    severity,
    message,
    file: source.name,
    line: start.line,
    column: start.column,
    end_line: end.line,
    end_column: end.column,
    ...(hint !== undefined && { hint }),
  };
}

/** A log of one run, as code scanning services and editors read it. */
export function diagnosticsToSarif(diagnostics: readonly Diagnostic[], version: string): object {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'scaicore',
            version,
            rules: codes.map((id) => ({ id, shortDescription: { text: DIAGNOSTICS[id].title } })),
          },
        },
        results: diagnostics.map((diagnostic) => sarifResult(diagnostic, codes)),
      },
    ],
  };
}

function sarifResult(diagnostic: Diagnostic, codes: readonly string[]): object {
  const { code, severity, message, hint } = diagnostic;
  const { file, line, column, end_line, end_column } = diagnosticToJson(diagnostic);
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level: severity,
    message: { text: hint === undefined ? message : `${message} (${hint})` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: encodeURI(file) },
          region: { startLine: line, startColumn: column, endLine: end_line, endColumn: end_column },
        },
      },
    ],
  };
}
