// What programs in ScaiCore may use, from the settings: models, plugins, configuration and references, by Core.
import type { ReferenceStore } from '../../lib/lang/index.ts';
import type { CheckpointStore, ProgramParts } from '../../silo/index.ts';
import type { GranaryConfig } from '../config/config-keys.ts';
import type { Cli } from './cli.ts';

type Settings = Pick<GranaryConfig, 'models' | 'plugins' | 'coreConfig' | 'reference'>;

/** The parts of each program, by its name. @throws ERR_CONFIG_INVALID */
export function programParts(
  { coreConfig = {}, reference }: Settings,
  _cli: Cli,
  checkpoints?: CheckpointStore,
): (core: string) => ProgramParts {
  const shared: ProgramParts = {
    checkpoints,
    ...(reference === undefined ? {} : { reference: referenceStore(reference) }),
  };
  return (core) => {
    const config = own(coreConfig, core);
    return config === undefined ? shared : { ...shared, config };
  };
}

function referenceStore(data: NonNullable<Settings['reference']>): ReferenceStore {
  return { read: (core, field) => own(own(data, core) ?? {}, field) };
}

/** Names come from programs: only what was written counts. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
