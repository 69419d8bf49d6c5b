// What programs in ScaiCore may use, from the settings: models, plugins, configuration and references, by Core.
import type { ReferenceStore } from '../../lib/lang/index.ts';
import {
  type CheckpointStore,
  createHttpPlugins,
  createOpenAiProvider,
  type ProgramParts,
  readModelSettings,
  readPluginSettings,
} from '../../silo/index.ts';
import type { GranaryConfig } from '../config/config-keys.ts';
import type { Cli } from './cli.ts';

type Settings = Pick<GranaryConfig, 'models' | 'plugins' | 'coreConfig' | 'reference'>;

/** The parts of each program, by its name. @throws ERR_CONFIG_INVALID */
export function programParts(
  { models, plugins, coreConfig = {}, reference }: Settings,
  { clock, rng, env }: Pick<Cli, 'clock' | 'rng' | 'env'>,
  checkpoints?: CheckpointStore,
): (core: string) => ProgramParts {
  const system = { clock, rng };
  const shared: ProgramParts = {
    checkpoints,
    models: models && createOpenAiProvider(readModelSettings(models, env), system),
    plugins: plugins && createHttpPlugins(readPluginSettings(plugins, env), system),
    reference: reference && referenceStore(reference),
  };
  return (core) => ({ ...shared, config: own(coreConfig, core) });
}

function referenceStore(data: NonNullable<Settings['reference']>): ReferenceStore {
  return { read: (core, field) => own(own(data, core) ?? {}, field) };
}

/** Names come from programs: only what was written counts. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
