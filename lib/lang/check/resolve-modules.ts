// Loads a program: the entry file and what it imports, each file parsed once, ids of expressions unique over all.
// Owns which file an import means. What the imported names are is declarations.ts' business.
import type { Diagnostics } from '../source/diagnostic.ts';
import type { SourceText } from '../source/source-text.ts';
import type { FileNode, ImportNode } from '../syntax/ast.ts';
import { parseFile } from '../syntax/parse-file.ts';

/** A file with what its imports mean; undefined for those that were not found (already reported). */
export interface LoadedModule {
  readonly file: FileNode;
  readonly imports: ReadonlyMap<ImportNode, LoadedModule | undefined>;
}
export interface LoadedProgram {
  readonly entry: LoadedModule;
  /** The entry first, then in the order they were met. */
  readonly modules: readonly LoadedModule[];
  /** Expressions have ids below it. */
  readonly nextId: number;
}

/** Gives the text of an imported file. `path` is normalised, relative to the same root as the names of the texts. */
export type ReadSource = (path: string, from: SourceText) => SourceText | undefined;

type Loading = LoadedModule & {
  readonly imports: Map<ImportNode, LoadedModule | undefined>;
  state: 'loading' | 'loaded';
};

export function loadProgram(entry: SourceText, read: ReadSource, diagnostics: Diagnostics): LoadedProgram {
  return new Loader(read, diagnostics).load(entry);
}

class Loader {
  readonly #read: ReadSource;
  readonly #diagnostics: Diagnostics;
  readonly #byName = new Map<string, Loading>();
  readonly #modules: Loading[] = [];
  #nextId = 0;

  constructor(read: ReadSource, diagnostics: Diagnostics) {
    this.#read = read;
    this.#diagnostics = diagnostics;
  }

  load(entry: SourceText): LoadedProgram {
    // A stack of our own: chains of imports may be longer than that of the machine.
    const first = this.#begin(entry);
    const stack = [first];
    const at = [0];
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const index = at.at(-1) ?? 0;
      const node = top.file.imports[index];
      if (!node) {
        top.state = 'loaded';
        stack.pop();
        at.pop();
        continue;
      }
      at[at.length - 1] = index + 1;
      const isNew = this.#resolve(top, node);
      if (!isNew) continue;
      stack.push(isNew);
      at.push(0);
    }
    return { entry: first, modules: this.#modules, nextId: this.#nextId };
  }

  /** Enters the import into its file; gives the module if it has to be loaded first. */
  #resolve(module: Loading, node: ImportNode): Loading | undefined {
    const { source } = module.file;
    const report = this.#diagnostics.reportFor(source);
    module.imports.set(node, undefined);
    const path = resolvePath(source.name, node.path.text);
    if (path === undefined) {
      const hint = 'write it relative to this file: "./name" or "../name"';
      report('E206', node.path.span, `'${node.path.text}' is not a relative path`, { hint });
      return undefined;
    }
    const known = this.#byName.get(path);
    if (known?.state === 'loading') {
      report('E207', node.path.span, `'${path}' is imported by way of itself`);
      return undefined;
    }
    if (known) {
      module.imports.set(node, known);
      return undefined;
    }
    const text = this.#read(path, source);
    if (!text) {
      report('E206', node.path.span, `there is no file '${path}'`);
      return undefined;
    }
    const loading = this.#begin(text, path);
    module.imports.set(node, loading);
    return loading;
  }

  #begin(source: SourceText, path = source.name): Loading {
    const { file, nextId } = parseFile(source, this.#diagnostics.reportFor(source), {
      firstId: this.#nextId,
    });
    this.#nextId = nextId;
    const module: Loading = { file, imports: new Map(), state: 'loading' };
    this.#byName.set(normalise(path) ?? path, module);
    this.#modules.push(module);
    return module;
  }
}

/** The path of an import, seen from the file `from`; undefined if it is not relative, or leads above the root. */
export function resolvePath(from: string, path: string): string | undefined {
  if (!path.startsWith('./') && !path.startsWith('../')) return undefined;
  const folder = from.includes('/') ? from.slice(0, from.lastIndexOf('/') + 1) : '';
  const file = path.endsWith('.scaicore') ? path : `${path}.scaicore`;
  return normalise(folder + file);
}

/** Above a relative root stays `../`, so that programs may import from beside their folder. */
function normalise(path: string): string | undefined {
  const isAbsolute = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (isAbsolute) return undefined;
    else parts.push('..');
  }
  return (isAbsolute ? '/' : '') + parts.join('/');
}
