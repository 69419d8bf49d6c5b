// CoreLoader: the Cores that files of TypeScript and JavaScript export, and those that programs in ScaiCore become, again and
// again as the files change.
// Owns: the numbers of loads, and which file imported which. Does not own: which files (core-files.ts), when to load
// again (file-watch.ts), what is made of a program (program-loader.ts). Types of TypeScript are not checked here: that is the
// editor's and the compiler's.
import { createRequire, register } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type AnyCore, GrainError, isCore } from '../../../lib/index.ts';
import type { Edge } from './loader-hooks.ts';
import { shownPath } from '../shown-path.ts';
import { placeOf } from './load-problem.ts';
import type { PartsFor } from './program-loader.ts';

export interface LoadedCore {
  readonly core: AnyCore;
  /** The file that exports it. */
  readonly file: string;
}

export interface Loaded {
  /** By name. */
  readonly cores: ReadonlyMap<string, LoadedCore>;
  /** File → the files that it needs, itself included; all of them absolute. */
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The hooks of this process: they are installed once, whoever loads. */
let installed: MessagePort | undefined;
let loadCount = 0;

const PROGRAM = /\.scaicore(-ir)?$/;

export class CoreLoader {
  readonly #partsFor: PartsFor;
  /** Importer → imported, over all loads: a file that fails to load still tells what it needs. */
  readonly #edges = new Map<string, Set<string>>();

  /** What programs may use; files of TypeScript bring what they need. */
  constructor(partsFor: PartsFor = () => ({})) {
    this.#partsFor = partsFor;
  }

  /** @throws ERR_CORE_FILE, ERR_CORES_MISSING, ERR_CORE_INVALID */
  async load(files: readonly string[]): Promise<Loaded> {
    const cores = new Map<string, LoadedCore>();
    const version = nextVersion();
    for (const file of files) {
      for (const core of await this.#coresOf(file, version)) {
        const { name } = core.definition;
        const other = cores.get(name);
        if (other && other.core !== core) throw twice(name, other.file, file);
        cores.set(name, other ?? { core, file });
      }
    }
    if (cores.size === 0) throw noCores(files);
    return { cores, needs: this.needsOf(files) };
  }

  /** As far as is known; also after a load that failed. */
  needsOf(files: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
    return new Map(files.map((file) => [file, this.#closure(file)]));
  }

  async #coresOf(file: string, version: number): Promise<AnyCore[]> {
    if (PROGRAM.test(file)) return await this.#programOf(file);
    const values = Object.values(await this.#import(file, version));
    return [...new Set(values.filter((value): value is AnyCore => isCore(value)))];
  }

  async #import(file: string, version: number): Promise<Record<string, unknown>> {
    try {
      return await importFile(file, version);
    } catch (thrown) {
      throw brokenFile(file, thrown);
    } finally {
      this.#takeEdges();
    }
  }

  /** The language is loaded with the first program. */
  async #programOf(file: string): Promise<AnyCore[]> {
    const { loadProgram } = await import('./program-loader.ts');
    const imported = new Set<string>();
    this.#edges.set(file, imported);
    return [...loadProgram(file, this.#partsFor, (name) => imported.add(name))];
  }

  #takeEdges(): void {
    if (!installed) return;
    for (let next = receiveMessageOnPort(installed); next; next = receiveMessageOnPort(installed)) {
      const { from, to } = next.message as Edge;
      if (from === undefined) continue;
      const targets = this.#edges.get(from) ?? new Set<string>();
      this.#edges.set(from, targets.add(to));
    }
  }

  #closure(file: string): ReadonlySet<string> {
    const found = new Set([file]);
    for (const at of found) {
      for (const to of this.#edges.get(at) ?? []) found.add(to);
    }
    return found;
  }
}

/** A module of the user's, compiled when it is TypeScript. */
export async function importFile(file: string, version = nextVersion()): Promise<Record<string, unknown>> {
  installHooks();
  forgetRequired();
  return (await import(`${pathToFileURL(file).href}?granary=${version}`)) as Record<string, unknown>;
}

function nextVersion(): number {
  loadCount += 1;
  return loadCount;
}

/** `import` of an own module by its path from here, in source and in dist. */
function ownUrl(stem: string): string {
  const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  return new URL(`../../${stem}${ending}`, import.meta.url).href;
}

function installHooks(): void {
  if (installed) return;
  const { port1, port2 } = new MessageChannel();
  port1.unref();
  const granary = ownUrl('granary');
  const own: Record<string, string> = {
    granary,
    'granary/client': ownUrl('client/node'),
    'granary/testing': ownUrl('testing/index'),
    'granary/lang': ownUrl('../lib/lang/index'),
    'granary/engine': ownUrl('../silo/engine'),
  };
  // In a checkout the examples import the source of this package, whichever form of it runs.
  own[granary] = granary;
  own[new URL('../../../../gateway/granary.ts', import.meta.url).href] = granary;
  const compiler = pathToFileURL(createRequire(import.meta.url).resolve('esbuild')).href;
  register(new URL(ownHooks(), import.meta.url), {
    data: { port: port2, own, compiler },
    transferList: [port2],
  });
  process.setSourceMapsEnabled(true);
  installed = port1;
}

function ownHooks(): string {
  return import.meta.url.endsWith('.ts') ? './loader-hooks.ts' : './loader-hooks.js';
}

/** CommonJS modules are kept by path, so a changed one would come out of the drawer as it was. */
function forgetRequired(): void {
  const { cache } = createRequire(import.meta.url);
  for (const file of Object.keys(cache)) {
    if (!file.includes(`${path.sep}node_modules${path.sep}`)) Reflect.deleteProperty(cache, file);
  }
}

function twice(name: string, first: string, second: string): GrainError {
  const message = `two Cores are called ${name}: one in ${shownPath(first)}, one in ${shownPath(second)}`;
  return new GrainError('ERR_CORE_INVALID', { message, core: name });
}

function noCores(files: readonly string[]): GrainError {
  const names = files.map(shownPath).join(', ');
  const message = `${names} exports no Core: \`export const counter = defineCore({ … }).flows(…)\` makes one`;
  return new GrainError('ERR_CORES_MISSING', { message });
}

function brokenFile(file: string, thrown: unknown): GrainError {
  const { place, problem } = placeOf(thrown, file);
  const message = `${place}: ${problem}`;
  return new GrainError('ERR_CORE_FILE', { message, file }, { cause: thrown });
}
