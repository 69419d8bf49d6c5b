// The table of diagnostics in lib/lang/README.md: each code with the smallest program that it is said of.
// The programs are files of test/lib/lang/diagnostics, where a test holds them to their code.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { compile, DIAGNOSTICS, type DiagnosticSpec, SourceText } from '../lib/lang/index.ts';

/** From the repository's root, with slashes. */
const PROGRAMS = 'test/lib/lang/diagnostics';
const LINE_LENGTH_MAX = 60;

/** @param from the folder of the document, for its links */
export function diagnosticTable(root: string, from: string): string {
  const folder = path.posix.relative(from, PROGRAMS);
  const rows = Object.entries<DiagnosticSpec>(DIAGNOSTICS).map(([code, { severity, origin, title }]) => {
    const program = `[${shown(offendingLine(path.join(root, PROGRAMS), code))}](${folder}/${code}.scaicore)`;
    return `| \`${code}\` | ${severity} | ${title} | ${origin} | ${program} |`;
  });
  return [
    '| Code | Severity | Meaning | Origin | Said of |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** The line that the program of a code is told of. */
function offendingLine(folder: string, code: string): string {
  const read = (name: string): SourceText | undefined => {
    const file = path.join(folder, name);
    return existsSync(file) ? new SourceText(name, readFileSync(file, 'utf8')) : undefined;
  };
  const entry = read(`${code}.scaicore`);
  const found = entry && compile(entry, { read }).diagnostics.find((diagnostic) => diagnostic.code === code);
  if (!found) throw new Error(`${PROGRAMS}/${code}.scaicore is missing, or is not told ${code}`);
  const { line } = found.source.positionAt(found.span.start);
  // What is missing is told of where the file ends, or of a line that says nothing.
  const lines = found.source.text.split('\n').slice(0, line);
  return lines.reverse().find((text) => /\w/.test(text)) ?? '';
}

function shown(line: string): string {
  const text = line.trim();
  const cut = text.length > LINE_LENGTH_MAX ? `${text.slice(0, LINE_LENGTH_MAX - 1)}…` : text;
  return `\`${cut.replaceAll('|', '\\|')}\``;
}
