// The docs check (`npm run docs`): what the documents say about the repository is true.
//   D1. Relative links lead to a file, and `#…` to a heading of it.
//   D2. `npm run …` names a script of package.json; README.md names the test command that .ci/run uses.
//   D3. TypeScript blocks that start with `// file: NAME` compile as users would write them, against the built package.
//       The blocks of one document are one project, so they may import each other.
//   D4. The tables of errors, of the compiler's diagnostics and of the language's constructs are those of the code;
//       `npm run docs -- --write` brings them up to date.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ERRORS } from '../lib/errors/catalogue.ts';
import type { ErrorSpec } from '../lib/errors/catalogue.ts';
import { constructTable } from './construct-table.ts';
import { diagnosticTable } from './diagnostic-table.ts';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const NOT_DOCS = new Set(['node_modules', 'dist', '.git', '.state', '.granary']);

function docsBelow(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return NOT_DOCS.has(entry.name) ? [] : docsBelow(file);
    return entry.name.endsWith('.md') ? [file] : [];
  });
}

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const withoutCode = (text: string): string =>
  text.replace(/^(```+)[^\n]*\n[\s\S]*?^\1$/gm, '').replace(/`[^`\n]*`/g, '``');

// ---- D1: links ----

/** The anchors that GitHub gives to the headings of a document. */
function anchorsOf(text: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  // Fenced code only: a heading keeps the text of its code spans.
  const prose = text.replace(/^(```+)[^\n]*\n[\s\S]*?^\1$/gm, '');
  for (const [, heading = ''] of prose.matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    anchors.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

function checkLinks(doc: string, text: string): string[] {
  const prose = withoutCode(text);
  const links = [
    ...prose.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g),
    ...prose.matchAll(/^\[[^\]]+\]:\s+(\S+)/gm),
  ];
  return links.flatMap(([, link = '']) => {
    if (/^[a-z][a-z+.-]*:/i.test(link)) return [];
    const [target = '', anchor] = link.split('#');
    const file = target === '' ? doc : path.posix.join(path.posix.dirname(doc), decodeURIComponent(target));
    if (!existsSync(path.join(root, file))) return [`${doc}: link to ${link}: there is no ${file}`];
    if (anchor === undefined || !file.endsWith('.md') || !statSync(path.join(root, file)).isFile()) return [];
    return anchorsOf(read(file)).has(anchor) ? [] : [`${doc}: link to ${link}: ${file} has no such heading`];
  });
}

// ---- D2: commands ----

function checkCommands(doc: string, text: string): string[] {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name);
  const unknown = named.filter((name) => !Object.hasOwn(scripts, name));
  return unknown.map((name) => `${doc}: \`npm run ${name}\`: package.json has no such script`);
}

// ---- D3: blocks ----

function checkBlocks(doc: string, text: string): string[] {
  const blocks = [...text.matchAll(/^```(?:ts|typescript)\n\/\/ file: (\S+)[^\n]*\n([\s\S]*?)^```$/gm)];
  if (blocks.length === 0) return [];
  const folder = path.join(root, '.ci/.state/docs', doc.replaceAll('/', '-'));
  rmSync(folder, { recursive: true, force: true });
  const names = new Set<string>();
  for (const [, name = '', code = ''] of blocks) {
    if (names.has(name)) return [`${doc}: two blocks are called ${name}`];
    names.add(name);
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), code);
  }
  const settings = {
    extends: `${path.posix.relative(folder, root)}/tsconfig.json`,
    // By name: a pattern would not find files below a folder that starts with a dot.
    files: [...names].filter((name) => name.endsWith('.ts')),
    include: [],
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(settings));
  const tsc = path.join(root, 'node_modules/@typescript/native/bin/tsc');
  const result = spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return result.status === 0
    ? []
    : [`${doc}: its TypeScript blocks do not compile:\n${result.stdout}${result.stderr}`];
}

// ---- D4: tables ----

function errorTable(): string {
  const rows = Object.entries<ErrorSpec>(ERRORS).map(([code, spec]) => {
    const again = spec.lasting ? 'no' : 'yes';
    const cells = [
      `\`${code}\``,
      spec.http,
      spec.effect,
      again,
      spec.public ? 'yes' : 'no',
      spec.help.replaceAll('|', '\\|'),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const head = [
    '| Code | HTTP | Effect | Worth another try | Details shown | Meaning |',
    '| --- | --- | --- | --- | --- | --- |',
  ];
  return [...head, ...rows].join('\n');
}

interface GeneratedTable {
  /** In the lines around it: `<!-- errors:begin -->`. */
  readonly name: string;
  readonly doc: string;
  readonly make: () => string;
}
const TABLES: readonly GeneratedTable[] = [
  { name: 'errors', doc: 'gateway/README.md', make: errorTable },
  { name: 'diagnostics', doc: 'lib/lang/README.md', make: () => diagnosticTable(root, 'lib/lang') },
  { name: 'constructs', doc: 'test/lib/lang/constructs/README.md', make: constructTable },
];

function checkTable({ name, doc, make }: GeneratedTable, isWrite: boolean): string[] {
  const [beginLine, endLine] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  if (!existsSync(path.join(root, doc))) return [`${doc}: is missing; it holds the table of ${name}`];
  const text = read(doc);
  const [begin, end] = [text.indexOf(beginLine), text.indexOf(endLine)];
  if (begin < 0 || end < begin) return [`${doc}: has no lines ${beginLine} and ${endLine}`];
  // The formatter would align the columns, and every new code would then change every line.
  const table = ['<!-- prettier-ignore-start -->', make(), '<!-- prettier-ignore-end -->'].join('\n');
  const wanted = `${text.slice(0, begin + beginLine.length)}\n\n${table}\n\n${text.slice(end)}`;
  if (text === wanted) return [];
  if (!isWrite) return [`${doc}: the table of ${name} is not that of the code: npm run docs -- --write`];
  writeFileSync(path.join(root, doc), wanted);
  console.log(`docs: wrote the table of ${name} into ${doc}`);
  return [];
}

function main(args: readonly string[]): void {
  const docs = docsBelow('.');
  const problems = TABLES.flatMap((table) => checkTable(table, args.includes('--write')));
  for (const doc of docs) {
    const text = read(doc);
    problems.push(...checkLinks(doc, text), ...checkCommands(doc, text), ...checkBlocks(doc, text));
  }
  if (!docs.includes('README.md')) problems.push('README.md: is missing');
  else if (!read('README.md').includes('npm test'))
    problems.push('README.md: does not name the test command, `npm test`');
  for (const problem of problems) console.log(problem);
  console.log(
    problems.length === 0 ? `docs: ${docs.length} documents are true` : `docs: ${problems.length} problems`,
  );
  if (problems.length > 0) process.exitCode = 1;
}

main(process.argv.slice(2));
