// The constructs of the language, read from the folder of their programs: `SECTION-topic/NAME.scaicore` shows one and
// tests itself, `NAME.wrong.scaicore` gets it wrong. The first line of each says what it is about.
//   C1. Of an example: `// title`.
//   C2. Of a wrong one: `// CODE at LINE, CODE at LINE: what is wrong`, all that is said of it, in order.
//   C3. Below `parts` stands what the others import.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SourceText } from '../../../lib/lang/index.ts';

export const CONSTRUCTS_FOLDER = fileURLToPath(new URL('./constructs/', import.meta.url));

export interface Construct {
  /** `2.6-blocks/foreach`: both programs by it. */
  readonly id: string;
  /** Of the specification. */
  readonly section: string;
  readonly title: string;
  readonly example: SourceText;
  /** Undefined where it is missing, which a test finds. */
  readonly wrong: WrongProgram | undefined;
}
export interface WrongProgram {
  readonly source: SourceText;
  readonly findings: readonly { readonly code: string; readonly line: number }[];
  readonly why: string;
}

/** In the order of the specification, then of the alphabet. */
export function constructs(): readonly Construct[] {
  const topics = readdirSync(CONSTRUCTS_FOLDER, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  return topics
    .map(({ name }) => name)
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }))
    .flatMap((topic) => ofTopic(topic));
}

/** `name` is a path in the folder. */
export function readConstructFile(name: string): SourceText | undefined {
  try {
    return new SourceText(name, readFileSync(`${CONSTRUCTS_FOLDER}${name}`, 'utf8'));
  } catch {
    return undefined;
  }
}

const ENDING = '.scaicore';
const WRONG_ENDING = '.wrong.scaicore';

function ofTopic(topic: string): readonly Construct[] {
  const [section = ''] = topic.split('-');
  const names = new Set(
    readdirSync(`${CONSTRUCTS_FOLDER}${topic}`)
      .filter((file) => file.endsWith(ENDING))
      .map((file) => file.replace(WRONG_ENDING, '').replace(ENDING, '')),
  );
  return [...names].sort().map((name) => {
    const id = `${topic}/${name}`;
    const example = readConstructFile(`${id}${ENDING}`);
    if (!example) throw new Error(`${id}${ENDING} is missing: each wrong program belongs to an example`);
    const wrong = readConstructFile(`${id}${WRONG_ENDING}`);
    return { id, section, title: headOf(example), example, wrong: wrong && wrongProgram(wrong) };
  });
}

function headOf(source: SourceText): string {
  const [, head] = /^\/\/ (.+)\n/.exec(source.text) ?? [];
  if (head === undefined) throw new Error(`${source.name}: its first line does not say what it is about`);
  return head;
}

function wrongProgram(source: SourceText): WrongProgram {
  const [, findings = '', why = ''] = /^([EW].*?): (.+)$/.exec(headOf(source)) ?? [];
  const read = findings.split(', ').map((finding) => {
    const [, code, line] = /^([EW]\d{3}) at (\d+)$/.exec(finding) ?? [];
    if (code === undefined)
      throw new Error(`${source.name}: its first line has to say '// CODE at LINE: why'`);
    return { code, line: Number(line) };
  });
  return { source, findings: read, why };
}
