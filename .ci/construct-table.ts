// The table of constructs in test/lib/lang/constructs/README.md: each with its example, and what is said of the program
// that gets it wrong. A test holds the programs to what stands here.
import path from 'node:path';
import { type Construct, constructs, type WrongProgram } from '../test/lib/lang/constructs.ts';

export function constructTable(): string {
  return [
    '| Section | Construct | Example | Wrong | Told |',
    '| --- | --- | --- | --- | --- |',
    ...constructs().map(rowOf),
  ].join('\n');
}

function rowOf({ id, section, title, wrong }: Construct): string {
  const example = `[${path.posix.basename(id)}](${id}.scaicore)`;
  const wrongCell = wrong ? `[${cellText(wrong.why)}](${id}.wrong.scaicore)` : '';
  return `| ${section} | ${cellText(title)} | ${example} | ${wrongCell} | ${toldOf(wrong)} |`;
}

function toldOf(wrong: WrongProgram | undefined): string {
  const codes = new Set(wrong?.findings.map(({ code }) => code));
  return [...codes].map((code) => `\`${code}\``).join(', ');
}

/** Outside of `code`, what markdown would take for its own is quoted. */
function cellText(text: string): string {
  const pieces = text.split(/(`[^`]*`)/);
  return pieces
    .map((piece, index) =>
      index % 2 === 1
        ? piece.replaceAll('|', String.raw`\|`)
        : piece.replaceAll(/[\\*_{}[\]<>|~]/g, String.raw`\$&`),
    )
    .join('');
}
