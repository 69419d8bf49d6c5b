// Programs that are named on the command line: a source, a bundle, or a folder.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { GrainError } from '../../../lib/index.ts';
import {
  compile,
  type CompileOptions,
  type CompileResult,
  type IRModule,
  IRSerializer,
  SourceText,
} from '../../../lib/lang/index.ts';
import type { Cli } from '../cli.ts';

const SOURCE = '.scaicore';
export const BUNDLE = '.scaicore-ir';
const NOT_LOOKED_INTO = new Set(['node_modules', 'build', 'dist']);

type Place = Pick<Cli, 'folder'>;

/** The file that `named` means: itself, or the one source in that folder. @throws ERR_FILE_UNREADABLE */
export function sourceFile(named: string, { folder }: Place): string {
  const file = path.resolve(folder, named);
  const found = sourcesIn(file, named);
  if (!found) return file;
  const [only] = found;
  if (found.length === 1 && only !== undefined) return path.join(file, only);
  const what = found.length === 0 ? 'no .scaicore file' : `${found.length} .scaicore files, name one of them`;
  throw unreadable(named, `${named} has ${what}`);
}

/** As `sourceFile`, and no bundle. @throws ERR_FILE_UNREADABLE */
export function sourceToCompile(named: string, place: Place): string {
  const file = sourceFile(named, place);
  if (file.endsWith(BUNDLE)) throw unreadable(named, `${named} is a bundle, and no source`);
  return file;
}

export interface NamedSource {
  readonly file: string;
  /** Found in a folder, not named itself. */
  readonly isFound: boolean;
}

/** Files as they are named, and all sources below folders. @throws ERR_FILE_UNREADABLE */
export function sourceFiles(named: readonly string[], { folder }: Place): readonly NamedSource[] {
  const files = new Map<string, NamedSource>();
  for (const name of named) {
    const file = path.resolve(folder, name);
    if (!sourcesIn(file, name)) {
      if (file.endsWith(BUNDLE)) throw unreadable(name, `${name} is a bundle, and no source`);
      files.set(file, { file, isFound: false });
      continue;
    }
    const found = sourcesBelow(file);
    if (found.length === 0) throw unreadable(name, `${name} has no .scaicore file`);
    for (const each of found) if (!files.has(each)) files.set(each, { file: each, isFound: true });
  }
  return [...files.values()];
}

/** Names of the sources in a folder; undefined for a file. */
function sourcesIn(file: string, named: string): readonly string[] | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) throw unreadable(named, `there is no ${named}`);
  return stats.isDirectory() ? readdirSync(file).filter((name) => name.endsWith(SOURCE)) : undefined;
}

function sourcesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((one, other) =>
    one.name < other.name ? -1 : 1,
  );
  return entries.flatMap((entry) => {
    const { name } = entry;
    if (entry.isDirectory())
      return name.startsWith('.') || NOT_LOOKED_INTO.has(name) ? [] : sourcesBelow(path.join(folder, name));
    return entry.isFile() && name.endsWith(SOURCE) ? [path.join(folder, name)] : [];
  });
}

function unreadable(file: string, message: string, cause?: unknown): GrainError {
  return new GrainError('ERR_FILE_UNREADABLE', { message, file }, { cause });
}

function problemOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** @throws ERR_FILE_UNREADABLE */
export function readText(file: string, { folder }: Place): string {
  return readBytes(path.resolve(folder, file), file).toString('utf8');
}

/** For those who write it back: what is no UTF-8 would be lost. @throws ERR_FILE_UNREADABLE */
export function readExactText(file: string, place: Place): string {
  const shown = shownName(file, place);
  const bytes = readBytes(file, shown);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw unreadable(shown, `${shown} is not UTF-8`, cause);
  }
}

function readBytes(file: string, named: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw unreadable(named, `${named} cannot be read: ${problemOf(cause)}`, cause);
  }
}

/** As people and imports name it: from the present folder, with slashes. */
export function shownName(file: string, { folder }: Place): string {
  const relative = path.relative(folder, file);
  const isInside = !relative.startsWith('..') && !path.isAbsolute(relative);
  return (isInside ? relative : file).split(path.sep).join('/');
}

export function compileFile(file: string, place: Place, options: CompileOptions = {}): CompileResult {
  const read = (name: string): SourceText | undefined => {
    try {
      return new SourceText(name, readFileSync(path.resolve(place.folder, name), 'utf8'));
    } catch {
      // Not there, or not to be read: the compiler says so at the import.
      return undefined;
    }
  };
  return compile(new SourceText(shownName(file, place), readText(file, place)), { ...options, read });
}

/** @throws ERR_FILE_UNREADABLE, ERR_BUNDLE_INVALID */
export function readBundle(file: string, place: Place): IRModule {
  const shown = shownName(file, place);
  const bytes = readBytes(file, shown);
  try {
    return new IRSerializer().deserialize(bytes);
  } catch (thrown) {
    if (thrown instanceof GrainError) throw thrown;
    throw unreadable(shown, `${shown} cannot be read: ${problemOf(thrown)}`, thrown);
  }
}
