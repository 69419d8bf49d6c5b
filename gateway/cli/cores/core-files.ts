// Which files hold Cores: files as they are named, folders with what is below them, and patterns where the shell had
// left them as they are.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { GrainError } from '../../../lib/index.ts';

const SCRIPT = /\.(ts|mts|tsx|js|mjs)$/;
/** Not Cores, although scripts. */
const NEVER = /(\.d\.ts|\.test\.[mc]?[tj]sx?|\.spec\.[mc]?[tj]sx?|granary\.config\.[tj]s)$/;
const LANGUAGE = /\.scaicore(-ir)?$/;

/** Absolute paths in order, each once. @throws ERR_FILE_UNREADABLE, ERR_CORES_MISSING */
export function coreFiles(named: readonly string[], folder: string): string[] {
  return [...new Set(named.flatMap((name) => filesOf(name, folder)))];
}

function filesOf(name: string, folder: string): string[] {
  const file = path.resolve(folder, name);
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats?.isFile()) return [file];
  if (stats?.isDirectory()) return someOf(name, scriptsBelow(file));
  if (/[*?{]/.test(name)) return someOf(name, matches(name, folder));
  throw new GrainError('ERR_FILE_UNREADABLE', { message: `there is no file ${name}`, file });
}

function someOf(name: string, files: string[]): string[] {
  if (files.length > 0) return files;
  throw new GrainError('ERR_CORES_MISSING', {
    message: `${name} has no file of TypeScript, JavaScript or ScaiCore`,
  });
}

function scriptsBelow(folder: string): string[] {
  return filesBelow(folder).filter((file) => (SCRIPT.test(file) && !NEVER.test(file)) || LANGUAGE.test(file));
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .flatMap((entry) => {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') return [];
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) return filesBelow(file);
      return entry.isFile() ? [file] : [];
    });
}

function matches(pattern: string, folder: string): string[] {
  const parts = path.resolve(folder, pattern).split(path.sep);
  const firstWild = parts.findIndex((part) => /[*?{]/.test(part));
  const base = parts.slice(0, firstWild).join(path.sep) || path.sep;
  if (!statSync(base, { throwIfNoEntry: false })?.isDirectory()) return [];
  const expression = new RegExp(`^${parts.slice(firstWild).map(partPattern).join('')}$`);
  return filesBelow(base).filter((file) => {
    const below = path.relative(base, file).split(path.sep).join('/');
    return expression.test(`/${below}`) && !NEVER.test(file);
  });
}

/** One part of a pattern, with the slash before it; `**` stands for any number of folders. */
function partPattern(part: string): string {
  if (part === '**') return '(/[^/]+)*';
  const text = part
    .replace(/[.+^$()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '[^/]*')
    .replace(/\?/g, '[^/]')
    .replace(/\{([^{}]*)\}/g, (_all, choices: string) => `(${choices.split(',').join('|')})`);
  return `/${text}`;
}
