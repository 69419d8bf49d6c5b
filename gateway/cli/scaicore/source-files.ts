// Programs that are named on the command line: a source, a bundle, or a folder with exactly one source.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { GrainError } from '../../../lib/index.ts';
import {
  compile,
  type CompileOptions,
  type CompileResult,
  IRSerializer,
  type IRModule,
  SourceText,
} from '../../../lib/lang/index.ts';
import type { Cli } from '../cli.ts';

const SOURCE = '.scaicore';
export const BUNDLE = '.scaicore-ir';

/** The file that `named` means. @throws ERR_FILE_UNREADABLE */
export function sourceFile(named: string, { folder }: Pick<Cli, 'folder'>): string {
  const file = path.resolve(folder, named);
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) throw unreadable(named, `there is no ${named}`);
  if (stats.isFile()) return file;
  const found = readdirSync(file).filter((name) => name.endsWith(SOURCE));
  const [only] = found;
  if (found.length === 1 && only !== undefined) return path.join(file, only);
  const what = found.length === 0 ? 'no .scaicore file' : `${found.length} .scaicore files, name one of them`;
  throw unreadable(named, `${named} has ${what}`);
}

function unreadable(file: string, message: string, cause?: unknown): GrainError {
  return new GrainError('ERR_FILE_UNREADABLE', { message, file }, { cause });
}

/** @throws ERR_FILE_UNREADABLE */
export function readText(file: string, { folder }: Pick<Cli, 'folder'>): string {
  try {
    return readFileSync(path.resolve(folder, file), 'utf8');
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw unreadable(file, `${file} cannot be read: ${problem}`, cause);
  }
}

/** As people and imports name it: from the present folder, with slashes. */
export function shownName(file: string, { folder }: Pick<Cli, 'folder'>): string {
  const relative = path.relative(folder, file);
  const isInside = !relative.startsWith('..') && !path.isAbsolute(relative);
  return (isInside ? relative : file).split(path.sep).join('/');
}

export function compileFile(
  file: string,
  cli: Pick<Cli, 'folder'>,
  options: CompileOptions = {},
): CompileResult {
  const read = (name: string): SourceText | undefined => {
    try {
      return new SourceText(name, readFileSync(path.resolve(cli.folder, name), 'utf8'));
    } catch {
      // Not there, or not to be read: the compiler says so at the import.
      return undefined;
    }
  };
  return compile(new SourceText(shownName(file, cli), readText(file, cli)), { ...options, read });
}

/** @throws ERR_FILE_UNREADABLE, ERR_BUNDLE_INVALID */
export function readBundle(file: string, cli: Pick<Cli, 'folder'>): IRModule {
  try {
    return new IRSerializer().deserialize(readFileSync(file));
  } catch (thrown) {
    if (thrown instanceof GrainError) throw thrown;
    const problem = thrown instanceof Error ? thrown.message : String(thrown);
    throw unreadable(file, `${shownName(file, cli)} cannot be read: ${problem}`, thrown);
  }
}
