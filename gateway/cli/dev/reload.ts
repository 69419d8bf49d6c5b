// Reload: brings a running silo to what the files now say.
//   D1. All or nothing: a file that does not load leaves every Core as it is.
//   D2. Only Cores whose file, or something that it imports, has changed are replaced: the others keep their activations.
//   D3. Grains keep their memory; a Core that the files no longer export stays until the next start, so that nothing that
//       was sent to it is lost.
import type { AnyCore } from '../../../lib/index.ts';
import type { Silo } from '../../../silo/index.ts';
import type { CoreLoader, Loaded, LoadedCore } from '../cores/core-loader.ts';

export interface CoreChange {
  readonly name: string;
  readonly file: string;
  /** `+reset`, `-old`, `1.0.0 -> 1.1.0`; empty when only code changed. */
  readonly differences: readonly string[];
  readonly kind: 'added' | 'replaced' | 'gone';
}

export interface ReloadParts {
  readonly silo: Silo;
  readonly loader: CoreLoader;
  readonly loaded: Loaded;
}

export interface Reloaded {
  readonly loaded: Loaded;
  readonly changes: readonly CoreChange[];
}

/** @throws ERR_CORE_FILE, ERR_CORE_INVALID, ERR_CORES_MISSING; then nothing has changed */
export async function reload(
  { silo, loader, loaded: before }: ReloadParts,
  files: readonly string[],
  changed: readonly string[],
): Promise<Reloaded> {
  const loaded = await loader.load(files);
  const changes: CoreChange[] = [];
  for (const [name, now] of loaded.cores) {
    const old = before.cores.get(name);
    if (old && old.file === now.file && !isTouched(now, [before, loaded], changed)) continue;
    const isHosted = silo.manifests().has(name);
    if (isHosted) await silo.replace(now.core);
    else silo.host(now.core);
    const kind = isHosted ? 'replaced' : 'added';
    changes.push({ name, file: now.file, differences: old ? differences(old.core, now.core) : [], kind });
  }
  for (const [name, { file }] of before.cores) {
    if (!loaded.cores.has(name)) changes.push({ name, file, differences: [], kind: 'gone' });
  }
  return { loaded, changes };
}

function isTouched({ file }: LoadedCore, loads: readonly Loaded[], changed: readonly string[]): boolean {
  return changed.some((path) => loads.some(({ needs }) => needs.get(file)?.has(path)));
}

function differences({ definition: old }: AnyCore, { definition: now }: AnyCore): string[] {
  const added = [...now.flows.keys()].filter((name) => !old.flows.has(name));
  const removed = [...old.flows.keys()].filter((name) => !now.flows.has(name));
  return [
    ...(old.version === now.version ? [] : [`${old.version} -> ${now.version}`]),
    ...(old.schema === now.schema ? [] : [`schema ${old.schema} -> ${now.schema}`]),
    ...added.map((name) => `+${name}`),
    ...removed.map((name) => `-${name}`),
  ];
}
