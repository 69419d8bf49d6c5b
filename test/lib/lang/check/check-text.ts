// Checks texts for tests, and writes what was said as `code line:column`.
import { strict as assert } from 'node:assert';
import {
  type CheckedProgram,
  checkProgram,
  type Diagnostic,
  Diagnostics,
  loadProgram,
  SourceText,
} from '../../../../lib/lang/index.ts';

export interface CheckedText {
  readonly program: CheckedProgram;
  readonly diagnostics: readonly Diagnostic[];
}

export function checkText(text: string, files: Readonly<Record<string, string>> = {}): CheckedText {
  const diagnostics = new Diagnostics();
  const read = (path: string): SourceText | undefined =>
    files[path] === undefined ? undefined : new SourceText(path, files[path]);
  const loaded = loadProgram(new SourceText('main.scaicore', text), read, diagnostics);
  return { program: checkProgram(loaded, diagnostics), diagnostics: diagnostics.sorted() };
}

export function place({ code, source, span }: Diagnostic): string {
  const { line, column } = source.positionAt(span.start);
  const file = source.name === 'main.scaicore' ? '' : `${source.name} `;
  return `${file}${code} ${line}:${column}`;
}

/** With messages and hints, for golden texts. */
export function describe(diagnostic: Diagnostic): string {
  const hint = diagnostic.hint === undefined ? '' : ` (${diagnostic.hint})`;
  return `${place(diagnostic)} ${diagnostic.message}${hint}`;
}

/** A core that has one of everything. It stands behind the text of a test, so that lines begin with the test's. */
export const CORE = `
@core App {
    version = "1.0.0"
    instance = :singleton { max_concurrent = 1 }
    @models { primary = { model = "m" } }
    @plugins {
        files = acme/drive@1.0
        ledger = acme/books@2.1
    }
    @memory {
        count: int
        names: array[string]
        totals: map[string, money]
        open: Item | null
    }
    @reference { rates: map[string, float] }
    @config { @param limit: int = 5 }
}
@plugin_interface ledger { book(vendor: string, total: money): string }
@core_interface core://shop/stock { reserve(sku: string, count: int): bool }
@types {
    type Kind = enum[small, large]
    type Item = { name: string, price: money, kind: Kind, note: string? }
    type Tree = { value: int, children: array[Tree], parent: Tree? }
}
@transformer double(n: int): int { return n * 2 }
@transformer loud(text: string): string { return text.upper() }
@evaluator good(text: string): bool { return text.length > 3 }
@transformer touch(n: int): int {
    memory.count = n
    return n
}
@transformer numeral(n: int): string { return n.to_string() }
`;

const PARAMS = 'n: int, text: string, maybe: string?, items: array[Item], kind: Kind, choice: "a" | "b"';

/** The statements of a flow, which begin in line 2. */
export function flowText(body: string): string {
  return `@flow f(${PARAMS}) {\n${body}\n}${CORE}`;
}

/** What is said about the statements of a flow; but not that names are unused. */
export function said(body: string): readonly string[] {
  return saidOf(flowText(body));
}

export function saidOf(text: string, files?: Readonly<Record<string, string>>): readonly string[] {
  const { diagnostics } = checkText(text, files);
  return diagnostics.filter(({ code }) => code !== 'W401').map(place);
}

/** Title → body and what is said about it. */
export type Cases = Readonly<Record<string, readonly [string, ...string[]]>>;

export function runCases(
  thing: string,
  cases: Cases,
  check: (text: string) => readonly string[] = said,
): void {
  for (const [title, [text, ...expected]] of Object.entries(cases))
    it(`${thing}: ${title}`, () => {
      assert.deepEqual(check(text), expected);
    });
}
