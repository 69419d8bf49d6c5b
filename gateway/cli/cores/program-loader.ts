// Cores out of files of the ScaiCore language: sources, which are compiled here, and bundles, which somebody compiled before.
// Owns: reading them, and telling what is wrong with a source, all of it at once. Does not own: what a program becomes
// (silo/host), when it is loaded again (core-loader.ts).
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type AnyCore, GrainError } from '../../../lib/index.ts';
import {
  compile,
  DIAGNOSTICS,
  IRSerializer,
  type IRModule,
  renderDiagnostics,
  SourceText,
  verifyModule,
} from '../../../lib/lang/index.ts';
import { programCores, type ProgramParts } from '../../../silo/index.ts';
import { shownPath } from '../shown-path.ts';

/** What each program may use, by its name. */
export type PartsFor = (core: string) => ProgramParts;

const BUNDLE = '.scaicore-ir';
/** Remarks that are shown of one file: the first ones are mostly the reason for the others. */
const SHOWN_MAX = 20;

export function isProgramFile(file: string): boolean {
  return file.endsWith('.scaicore') || file.endsWith(BUNDLE);
}

/** Told of each file that an import asks for, before it is known whether it can be read. */
export type OnImport = (file: string) => void;

/** @throws ERR_CORE_FILE, ERR_CORE_INVALID */
export function loadProgram(file: string, partsFor: PartsFor, onImport: OnImport): readonly AnyCore[] {
  const module = file.endsWith(BUNDLE) ? readBundle(file) : compileFile(file, onImport);
  try {
    return programCores(module, partsFor(module.name));
  } catch (thrown) {
    if (!(thrown instanceof GrainError) || thrown.code !== 'ERR_CORE_INVALID') throw thrown;
    const message = `${shownPath(file)}: ${thrown.message}`;
    // What it lacks is mostly not in the file.
    const next = 'see to `models`, `plugins` and `coreConfig` of granary.config.json, or correct the file';
    throw new GrainError('ERR_CORE_FILE', { message, file, next }, { cause: thrown });
  }
}

function readBundle(file: string): IRModule {
  try {
    const module = new IRSerializer().deserialize(readFileSync(file));
    // A bundle may come from anywhere: what the compiler refuses is refused here, too.
    const [finding] = verifyModule(module).filter(({ code }) => DIAGNOSTICS[code].severity === 'error');
    if (!finding) return module;
    throw new TypeError(`error[${finding.code}]: ${finding.message}`);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new GrainError('ERR_CORE_FILE', { message: `${shownPath(file)}: ${problem}`, file }, { cause });
  }
}

function compileFile(file: string, onImport: OnImport): IRModule {
  const read = (name: string): SourceText | undefined => {
    const imported = path.resolve(name);
    onImport(imported);
    try {
      return new SourceText(name, readFileSync(imported, 'utf8'));
    } catch {
      // Not there, or not to be read: the compiler says so, at the import.
      return undefined;
    }
  };
  const { module, diagnostics, droppedCount } = compile(new SourceText(nameOf(file), textOf(file)), { read });
  if (module) return module;
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const shown = errors.slice(0, SHOWN_MAX);
  const more = errors.length - shown.length + droppedCount;
  const count = errors.length === 1 ? 'an error' : `${errors.length + droppedCount} errors`;
  const rest = more > 0 ? `\n\nand ${more} more` : '';
  const message = `${shownPath(file)} has ${count}\n\n${renderDiagnostics(shown)}${rest}`;
  throw new GrainError('ERR_CORE_FILE', { message, file });
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new GrainError('ERR_CORE_FILE', { message: `${shownPath(file)}: ${problem}`, file }, { cause });
  }
}

/** As imports name files: with slashes, from the present folder where it is inside of it. */
function nameOf(file: string): string {
  return shownPath(file).split(path.sep).join('/');
}
