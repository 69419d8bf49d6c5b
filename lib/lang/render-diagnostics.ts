// Diagnostics for people, for programs, and for code scanners (SARIF). Pure: where the text goes is the caller's.
import { type DiagnosticCode, DIAGNOSTICS } from './source/codes.ts';
import type { Diagnostic } from './source/diagnostic.ts';
import type { SourceText, Span } from './source/source-text.ts';

export interface RenderOptions {
  /** With the escape codes of terminals. @default false */
  readonly color?: boolean;
}

/** Longer lines are cut around what is meant. */
const LINE_LENGTH_MAX = 120;
const TAB = '    ';
const RED = '\u001b[1;31m';
const YELLOW = '\u001b[1;33m';
const BLUE = '\u001b[1;34m';
const BOLD = '\u001b[1m';
const RESET = '\u001b[0m';

/** `error[E200]: …`, the place, the line with what is meant underlined, the hint, and other places. */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const { code, severity, message, source, span, hint, related = [] } = diagnostic;
  const paint = painter(options.color ?? false);
  const color = severity === 'error' ? RED : YELLOW;
  const gutter = ' '.repeat(widestLine([diagnostic, ...related]));
  const lines = [`${paint(color, `${severity}[${code}]`)}${paint(BOLD, `: ${shown(message)}`)}`];
  lines.push(...excerpt({ source, span }, gutter, (text) => paint(color, text), paint));
  if (hint !== undefined) lines.push(`${gutter} ${paint(BLUE, '=')} hint: ${shown(hint)}`);
  for (const other of related) {
    lines.push(`${gutter} ${paint(BLUE, '=')} ${shown(other.message)}`);
    lines.push(...excerpt(other, gutter, (text) => paint(BLUE, text), paint));
  }
  return lines.join('\n');
}

/** All of them, and how many there are. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], options: RenderOptions = {}): string {
  return diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, options)).join('\n\n');
}

type Paint = (color: string, text: string) => string;

function painter(isColored: boolean): Paint {
  return (color, text) => (isColored ? `${color}${text}${RESET}` : text);
}

interface Place {
  readonly source: SourceText;
  readonly span: Span;
}

function widestLine(places: readonly Place[]): number {
  return Math.max(...places.map(({ source, span }) => String(source.positionAt(span.start).line).length));
}

function excerpt(
  { source, span }: Place,
  gutter: string,
  mark: (text: string) => string,
  paint: Paint,
): string[] {
  const { line, column } = source.positionAt(span.start);
  const { text, start, width } = cut(source.lineText(line), column - 1, span.end - span.start);
  const bar = paint(BLUE, '|');
  return [
    `${gutter}${paint(BLUE, '-->')} ${shown(source.name)}:${line}:${column}`,
    `${gutter} ${bar}`,
    `${paint(BLUE, String(line).padStart(gutter.length))} ${bar} ${text}`.trimEnd(),
    `${gutter} ${bar} ${' '.repeat(start)}${mark('^'.repeat(width))}`,
  ];
}

/** The part of a line that is shown, tabs as spaces, and where in it the marks stand. */
function cut(line: string, column: number, length: number): { text: string; start: number; width: number } {
  const lead = shown(line.slice(0, column));
  const meant = shown(line.slice(column, column + length));
  const rest = shown(line.slice(column + length));
  const start = displayWidth(lead);
  const width = Math.max(1, Math.min(displayWidth(meant), LINE_LENGTH_MAX));
  if (start + displayWidth(meant) + displayWidth(rest) <= LINE_LENGTH_MAX)
    return { text: lead + meant + rest, start, width };
  const keep = Math.max(0, Math.min(40, LINE_LENGTH_MAX - width));
  const isCut = lead.length > keep;
  const before = isCut ? `…${lead.slice(lead.length - keep)}` : lead;
  const after = (meant + rest).slice(0, LINE_LENGTH_MAX - keep);
  const more = after.length < meant.length + rest.length ? '…' : '';
  return {
    text: before + after + more,
    start: displayWidth(before),
    width: Math.min(width, displayWidth(after)),
  };
}

/** Letters that would move the cursor, turn the text round, or not be seen at all. */
const UNSHOWN = /[\p{Cc}\u200b-\u200f\u202a-\u202e\u2066-\u2069]/gu;

function shown(text: string): string {
  return text.replaceAll('\t', TAB).replace(UNSHOWN, '\ufffd');
}

/** Columns of a terminal: wide letters take two, combining marks none. */
function displayWidth(text: string): number {
  let width = 0;
  for (const letter of text) {
    if (/^\p{Mark}$/u.test(letter)) continue;
    width +=
      /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}$/u.test(
        letter,
      )
        ? 2
        : 1;
  }
  return width;
}

// ---- For programs ----

export interface JsonPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly end_line: number;
  readonly end_column: number;
}
export interface JsonDiagnostic extends JsonPlace {
  readonly code: DiagnosticCode;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint?: string;
  readonly related?: readonly (JsonPlace & { readonly message: string })[];
}

export function toJson(diagnostic: Diagnostic): JsonDiagnostic {
  const { code, severity, message, hint, related } = diagnostic;
  return {
    code,
    severity,
    message,
    ...placeOf(diagnostic),
    ...(hint !== undefined && { hint }),
    ...(related && { related: related.map((other) => ({ ...placeOf(other), message: other.message })) }),
  };
}

function placeOf({ source, span }: Place): JsonPlace {
  const start = source.positionAt(span.start);
  const end = source.positionAt(span.end);
  return {
    file: source.name,
    line: start.line,
    column: start.column,
    end_line: end.line,
    end_column: end.column,
  };
}

// ---- SARIF 2.1.0 ----

/** A log with one run. `version` is that of Granary. */
export function toSarif(diagnostics: readonly Diagnostic[], version: string): object {
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
            rules: codes.map((id) => ({
              id,
              shortDescription: { text: DIAGNOSTICS[id].title },
              defaultConfiguration: { level: DIAGNOSTICS[id].severity },
            })),
          },
        },
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map((diagnostic) => sarifResult(diagnostic, codes.indexOf(diagnostic.code))),
      },
    ],
  };
}

function sarifResult(diagnostic: Diagnostic, ruleIndex: number): object {
  const { code, severity, message, hint, related = [] } = diagnostic;
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text: hint === undefined ? message : `${message} (${hint})` },
    locations: [{ physicalLocation: sarifPlace(diagnostic) }],
    ...(related.length > 0 && {
      relatedLocations: related.map((other, id) => ({
        id,
        physicalLocation: sarifPlace(other),
        message: { text: other.message },
      })),
    }),
  };
}

function sarifPlace(place: Place): object {
  const { file, line, column, end_line: endLine, end_column: endColumn } = placeOf(place);
  return {
    artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
    region: { startLine: line, startColumn: column, endLine, endColumn },
  };
}
