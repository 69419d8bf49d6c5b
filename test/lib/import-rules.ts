// The rules of dependency between folders and files, as functions of a map of file → text, so that tests can show them
// planted mistakes. The formatter puts every import at the start of a line, so a pattern per line finds them; imports
// that lead nowhere are the compiler's to report.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Path from the root, with slashes → text. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly file: string;
  /** The imported file, or the specifier of a package or a built-in module. */
  readonly to: string;
  readonly kind: 'runtime' | 'type' | 'lazy';
}

/** A folder imports from itself and from folders of a lower rank. */
export const RANK: Readonly<Record<string, number>> = {
  lib: 0,
  directory: 1,
  silo: 2,
  gateway: 3,
  bench: 4,
  test: 5,
};

/** Folder inside lib → the other folders of lib that it may import. */
const LIB: Readonly<Record<string, readonly string[]>> = {
  base: [],
  errors: ['base'],
  options: ['base', 'errors'],
  ids: ['base', 'errors', 'options'],
  protocol: ['base', 'errors', 'options', 'ids'],
  grain: ['base', 'errors', 'options', 'ids', 'protocol'],
  lang: ['base', 'errors', 'options', 'protocol'],
};

/** What users import (package.json, exports): tests and benches do as they do. */
const ENTRY_POINTS = new Set([
  'gateway/granary.ts',
  'gateway/client/index.ts',
  'gateway/client/node.ts',
  'gateway/testing/index.ts',
  'lib/lang/index.ts',
  'silo/engine.ts',
]);

/** The second door of lib: who only calls grains, such as a browser, does not load the language. */
const LANGUAGE_DOOR = 'lib/lang/index.ts';

/** Where a process is put together from its parts. */
const ROOTS = /(^|\/)(main|system-[\w-]+)\.ts$/;

/** The rim of the system: packages that open sockets, files or terminals have no place in lib. */
const NOT_IN_LIB =
  /^(koa|@koa\/router|ws|lmdb|ioredis|redis|mysql2|knex|pino|prom-client|commander|tsx)(\/|$)/;
const BUILTINS = new Set(builtinModules);
export const isBuiltin = (name: string): boolean => name.startsWith('node:') || BUILTINS.has(name);
export const isSource = (name: string): boolean => name.endsWith('.ts');

// ---- Reading ----

const STATIC =
  /^(import|export)\s+(type\s+)?((?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}\s*|\*(?:\s*as\s+[\w$]+)?\s*)?from\s+)?'([^'\n]+)'/gm;
const LAZY = /^(?!\s*(?:\/\/|\*)).*?\bimport\('([^'\n]+)'\)/gm;

export function importsOf(file: string, text: string): Import[] {
  const resolve = (to: string): string =>
    to.startsWith('.') ? path.posix.join(path.posix.dirname(file), to) : to;
  const found: Import[] = [];
  for (const [, word, type, clause, to = ''] of text.matchAll(STATIC)) {
    if (word === 'export' && clause === undefined) continue;
    found.push({ file, to: resolve(to), kind: type === undefined ? 'runtime' : 'type' });
  }
  for (const [, to = ''] of text.matchAll(LAZY)) found.push({ file, to: resolve(to), kind: 'lazy' });
  return found;
}

/** All TypeScript files of the repository's folders. */
export function readSources(): Sources {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const sources = new Map<string, string>();
  for (const folder of Object.keys(RANK).filter((name) => existsSync(path.join(root, name)))) {
    for (const name of readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })) {
      const file = `${folder}/${name.replaceAll(path.sep, '/')}`;
      if (isSource(file)) sources.set(file, readFileSync(path.join(root, file), 'utf8'));
    }
  }
  return sources;
}

// ---- Rules ----

const folderOf = (file: string): string => file.split('/')[0] ?? '';

/** Ranks, and the doors of folders. */
function checkRank({ file, to }: Import): string | undefined {
  const [own, other] = [folderOf(file), folderOf(to)];
  if (!isSource(to) || own === other) return undefined;
  const [rank, otherRank] = [RANK[own], RANK[other]];
  if (rank === undefined || otherRank === undefined)
    return `is outside of the folders ${Object.keys(RANK).join(', ')}`;
  // Servers to try against: benches measure on the same ones that tests are run on.
  if (own === 'bench' && to.startsWith('test/support/')) return undefined;
  if (otherRank > rank) return `points upward: ${own} comes before ${other}`;
  if (to === `${other}/index.ts` || to === LANGUAGE_DOOR || (own === 'test' && other === 'bench'))
    return undefined;
  const isTooling = own === 'test' || own === 'bench';
  if (isTooling && (to === `${other}/internal.ts` || ENTRY_POINTS.has(to))) return undefined;
  // The machine's own clock and randomness, for those who hand them to everyone else.
  if (to === 'lib/internal.ts' && (ENTRY_POINTS.has(file) || ROOTS.test(file))) return undefined;
  return `passes by the door of ${other}: import ${other}/index.ts${isTooling ? ' or internal.ts' : ''}`;
}

/** The order of the folders inside lib. */
function checkLib({ file, to }: Import): string | undefined {
  const [[root, own = '', ...below], [otherRoot, other = '', ...otherBelow]] = [
    file.split('/'),
    to.split('/'),
  ];
  if (root !== 'lib' || otherRoot !== 'lib' || below.length === 0) return undefined;
  if (otherBelow.length === 0)
    return 'imports a file of lib itself: import the file of the folder that is meant';
  if (own === other) return undefined;
  const allowed = LIB[own];
  if (allowed === undefined) return `is in lib/${own}, which has no place in the order of lib's folders`;
  return allowed.includes(other)
    ? undefined
    : `points upward inside lib: ${own} may import ${allowed.join(', ')}`;
}

/** What lib may ask of the outside. */
function checkLibOutside({ file, to }: Import): string | undefined {
  if (folderOf(file) !== 'lib' || isSource(to)) return undefined;
  const isSystem = path.posix.basename(file).startsWith('system-') || /^lib\/base\/bytes[./]/.test(file);
  if (isBuiltin(to))
    return isSystem ? undefined : 'lib is pure: built-in modules only in system-*.ts and base/bytes';
  return NOT_IN_LIB.test(to) ? 'lib is pure: this package belongs to a higher folder' : undefined;
}

/** The browser client. Its other imports are followed by `checkBrowserClosure`. */
function checkClient({ file, to, kind }: Import): string | undefined {
  if (!file.startsWith('gateway/client/') || file === 'gateway/client/node.ts') return undefined;
  if (to === 'gateway/client/node.ts') return 'the browser client must not reach the one for Node';
  if (isSource(to)) return undefined;
  if (isBuiltin(to)) return 'the client runs in browsers: built-in modules only in gateway/client/node.ts';
  return kind === 'type' ? undefined : 'the client runs in browsers: packages only in gateway/client/node.ts';
}

/** Built-in modules that a browser would be asked for when it loads the client, with the way that leads there. */
function checkBrowserClosure(imports: readonly Import[]): string[] {
  const entry = 'gateway/client/index.ts';
  const next = byFile(imports.filter(({ kind }) => kind !== 'type'));
  const from = new Map<string, string>([[entry, '']]);
  const found: string[] = [];
  for (const file of from.keys()) {
    for (const { to } of next.get(file) ?? []) {
      if (isSource(to) && !from.has(to)) from.set(to, file);
      if (!isBuiltin(to) || file.startsWith('gateway/client/')) continue;
      const way: string[] = [];
      for (let at = file; at !== ''; at = from.get(at) ?? '') way.unshift(at);
      found.push(`${file} -> ${to}: reached by the browser client: ${way.join(' -> ')}`);
    }
  }
  return found;
}

function byFile(imports: readonly Import[]): Map<string, Import[]> {
  const map = new Map<string, Import[]>();
  for (const entry of imports) map.set(entry.file, [...(map.get(entry.file) ?? []), entry]);
  return map;
}

/** Files that need each other to load. Type imports vanish and lazy imports come later: they close no cycle. */
function checkCycles(imports: readonly Import[]): string[] {
  const next = byFile(imports.filter(({ kind, to }) => kind === 'runtime' && isSource(to)));
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, way: readonly string[]): void => {
    const at = way.indexOf(file);
    if (at >= 0) found.push(`${file}: import cycle: ${[...way.slice(at), file].join(' -> ')}`);
    if (at >= 0 || done.has(file)) return;
    for (const { to } of next.get(file) ?? []) visit(to, [...way, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return found;
}

/** Every breach, as `FILE -> IMPORTED: what is wrong`. */
export function violationsOf(sources: Sources): string[] {
  const imports = [...sources].flatMap(([file, text]) => importsOf(file, text));
  const found = imports.flatMap((entry) =>
    [checkRank, checkLib, checkLibOutside, checkClient].flatMap((check) => {
      const problem = check(entry);
      return problem === undefined ? [] : [`${entry.file} -> ${entry.to}: ${problem}`];
    }),
  );
  return [...found, ...checkBrowserClosure(imports), ...checkCycles(imports)];
}
