// Hooks of Node's module loader for files of Cores, in the loader's own thread.
//   L1. Each load of the Cores has a number, and every file of the user carries it in its URL (`?granary=2`): a reload
//       gets fresh modules. Packages carry none: they are loaded once.
//   L2. `granary` is this very package, wherever the file is and whatever is installed beside it.
//   L3. TypeScript is always an ES module, also where package.json does not say so.
import { readFileSync } from 'node:fs';
import type { InitializeHook, LoadHook, ResolveHook, ResolveHookContext } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { MessagePort } from 'node:worker_threads';

export interface HooksData {
  readonly port: MessagePort;
  /** What `granary`, `granary/client` and so on are. */
  readonly own: Readonly<Record<string, string>>;
  /** URL of the compiler's module. */
  readonly compiler: string;
}

/** A file that was asked for, and by whom; undefined for the loader itself. */
export interface Edge {
  readonly from: string | undefined;
  readonly to: string;
}

type Resolved = Awaited<ReturnType<ResolveHook>>;

/** The part of esbuild that is used. */
interface Compiler {
  transform(source: string, options: Readonly<Record<string, unknown>>): Promise<{ readonly code: string }>;
}

interface CompilerProblem {
  readonly text: string;
  readonly location: { readonly line: number; readonly column: number } | null;
}

const VERSION = /[?&]granary=(\d+)$/;
const TYPESCRIPT = /\.m?tsx?$/;
/** What an import without, or with a JavaScript, extension may mean in TypeScript. */
const ENDINGS = ['.ts', '.tsx', '.mts', '.js', '.mjs', '/index.ts', '/index.js'];

let data: HooksData | undefined;
let compiler: Promise<Compiler> | undefined;

export const initialize: InitializeHook<HooksData> = (given) => {
  data = given;
};

export const resolve: ResolveHook = async (specifier, context, next) => {
  const version = VERSION.exec(specifier)?.[1] ?? VERSION.exec(context.parentURL ?? '')?.[1];
  if (version === undefined || !data) return next(specifier, context);
  const own = data.own[specifier];
  if (own !== undefined) return { url: own, format: 'module', shortCircuit: true };
  const from = context.parentURL?.replace(VERSION, '');
  const found = await resolveFile(specifier.replace(VERSION, ''), { ...context, parentURL: from }, next);
  const url = found.url.replace(/\?.*$/, '');
  if (!url.startsWith('file:') || url.includes('/node_modules/')) return found;
  // Files of this repository import their own source; a second copy of it would only cost time.
  const ownSource = data.own[url];
  if (ownSource !== undefined) return { url: ownSource, format: 'module', shortCircuit: true };
  data.port.postMessage({ from: pathOf(from), to: fileURLToPath(url) } satisfies Edge);
  const format = TYPESCRIPT.test(url) ? ({ format: 'module' } as const) : {};
  return { ...found, ...format, url: `${url}?granary=${version}`, shortCircuit: true };
};

export const load: LoadHook = async (url, context, next) => {
  const file = url.replace(VERSION, '');
  if (file === url || !TYPESCRIPT.test(file)) return next(url, context);
  const path = fileURLToPath(file);
  return { format: 'module', source: await compile(path), shortCircuit: true };
};

/** Node's own answer; where it finds no file, what TypeScript would take. */
async function resolveFile(
  specifier: string,
  context: ResolveHookContext,
  next: (specifier: string, context: ResolveHookContext) => Resolved | Promise<Resolved>,
): Promise<Resolved> {
  const attempts = [specifier];
  if (/^(\.|\/|file:)/.test(specifier)) {
    const stem = specifier.replace(/\.([mc]?)js$/, '');
    if (stem !== specifier) attempts.push(`${stem}.ts`, `${stem}.tsx`, `${stem}.mts`);
    else if (!TYPESCRIPT.test(specifier)) attempts.push(...ENDINGS.map((ending) => specifier + ending));
  }
  let problem: unknown;
  for (const attempt of attempts) {
    try {
      return await next(attempt, context);
    } catch (thrown) {
      const code = (thrown as NodeJS.ErrnoException).code;
      if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'ERR_UNSUPPORTED_DIR_IMPORT') throw thrown;
      problem ??= thrown;
    }
  }
  throw problem;
}

async function compile(path: string): Promise<string> {
  compiler ??= import(data?.compiler ?? '') as Promise<Compiler>;
  const { transform } = await compiler;
  try {
    const { code } = await transform(readFileSync(path, 'utf8'), {
      loader: path.endsWith('x') ? 'tsx' : 'ts',
      format: 'esm',
      target: `node${process.versions.node}`,
      sourcefile: path,
      sourcemap: 'inline',
      sourcesContent: false,
      logLevel: 'silent',
    });
    return code;
  } catch (thrown) {
    const [first] = (thrown as { readonly errors?: readonly CompilerProblem[] }).errors ?? [];
    if (!first) throw thrown;
    const { line = 1, column = 0 } = first.location ?? {};
    throw new SyntaxError(`${path}:${line}:${column + 1}: ${first.text}`, { cause: thrown });
  }
}

function pathOf(url: string | undefined): string | undefined {
  return url?.startsWith('file:') ? fileURLToPath(url) : undefined;
}
