// `granary dev`: hosts the Cores of some files in this process, and follows the files as they change.
import type { Logger } from '../../../lib/index.ts';
import type { GranaryConfig } from '../../config/config-keys.ts';
import { openCheckpoints } from '../../checkpoint-folder.ts';
import { DATA_FOLDER, type Host, startHost } from '../../host.ts';
import { type Cli, type ExitCode, stopped } from '../cli.ts';
import { coreFiles } from '../cores/core-files.ts';
import { CoreLoader, type Loaded } from '../cores/core-loader.ts';
import { describeFailure } from '../failure.ts';
import { coresOf, gatewaySettings, levelOf, namesOf } from '../host-settings.ts';
import { programParts } from '../program-settings.ts';
import { readSettings } from '../settings-file.ts';
import { shownPath } from '../shown-path.ts';
import { logFor, timeOf } from '../terminal-log.ts';
import { bannerText } from './banner.ts';
import { FileWatch } from './file-watch.ts';
import { type CoreChange, reload } from './reload.ts';

export interface DevFlags extends Partial<
  Pick<GranaryConfig, 'host' | 'port' | 'data' | 'token' | 'logLevel'>
> {
  readonly json?: boolean;
  /** False with `--no-watch`. */
  readonly watch?: boolean;
  readonly config?: string;
}

export async function runDev(cli: Cli, named: readonly string[], flags: DevFlags): Promise<ExitCode> {
  const startedMs = cli.clock.nowMs();
  const { json: isJson = false, watch: isWatching = true, config, ...settingFlags } = flags;
  const settings = await readSettings(cli, settingFlags, config);
  const files = (): string[] => coreFiles(namesOf(named, settings, cli), cli.folder);
  const checkpoints = openCheckpoints(settings.data ?? DATA_FOLDER);
  const loader = new CoreLoader(programParts(settings, cli, checkpoints));
  const loaded = await loader.load(files());
  const log = logFor(cli.terminal, cli.clock, levelOf(settings), isJson);
  const { data, onDataLoss, silo } = settings;
  const hosted = { cores: coresOf(loaded), programParts: { checkpoints }, data, onDataLoss, silo };
  const host = await startHost({ ...gatewaySettings(settings), ...hosted, log });
  // What a flow leaves behind and fails later is logged; other grains are not to suffer for it.
  const letStraysGo = cli.catchStrays(({ kind, error }) => {
    log.error({ err: error }, kind === 'rejection' ? 'promise.unhandled' : 'exception.uncaught');
  });
  announce(cli, host, { settings, loaded, isJson, isWatching, tookMs: cli.clock.nowMs() - startedMs });
  const watch = isWatching ? follow({ cli, host, loader, loaded, files, log, isJson }) : undefined;
  await stopped(cli);
  watch?.stop();
  if (!isJson) cli.terminal.err('Stopping: what runs is finished first. Ctrl-C again ends it at once.\n');
  await host.stop();
  letStraysGo();
  return 0;
}

interface Announced {
  readonly settings: Partial<GranaryConfig>;
  readonly loaded: Loaded;
  readonly isJson: boolean;
  readonly isWatching: boolean;
  readonly tookMs: number;
}

function announce(
  { terminal, version }: Cli,
  host: Host,
  { settings, loaded, isJson, isWatching, tookMs }: Announced,
): void {
  if (isJson) {
    const { url, stream, pid } = host;
    terminal.out(`${JSON.stringify({ url, stream, pid })}\n`);
    return;
  }
  const { data = DATA_FOLDER, token, tokens = [] } = settings;
  const files = new Map([...loaded.cores].map(([name, { file }]) => [name, shownPath(file)]));
  const hasToken = token !== undefined || tokens.length > 0;
  terminal.out(bannerText(terminal, { host, version, tookMs, data, files, hasToken, isWatching }));
}

interface Following {
  readonly cli: Cli;
  readonly host: Host;
  readonly loader: CoreLoader;
  readonly loaded: Loaded;
  readonly files: () => string[];
  readonly log: Logger;
  readonly isJson: boolean;
}

function follow({ cli, host, loader, files, log, isJson, ...parts }: Following): FileWatch {
  let { loaded } = parts;
  const watched = (): Iterable<string> => {
    const needs = loader.needsOf(namedFiles(files, loaded)).values();
    return new Set([...needs].flatMap((needed) => [...needed]));
  };
  const changed = async (paths: readonly string[]): Promise<void> => {
    try {
      const result = await reload({ silo: host.silo, loader, loaded }, files(), paths);
      loaded = result.loaded;
      tellChanges(cli, paths, result.changes, log, isJson);
    } catch (thrown) {
      const { code, message } = describeFailure(thrown);
      if (isJson) log.error({ code, problem: message, files: paths }, 'cores.refused');
      else {
        const head = `${timeOf(cli.clock)} ${cli.terminal.paint('red', code)}: ${message}`;
        cli.terminal.err(`${head}\n         What was loaded before goes on.\n`);
      }
    }
  };
  return new FileWatch({ clock: cli.clock, files: watched, changed });
}

/** What was named may be missing for a moment, while an editor puts a new file in its place. */
function namedFiles(files: () => string[], loaded: Loaded): readonly string[] {
  try {
    return files();
  } catch {
    return [...loaded.needs.keys()];
  }
}

function tellChanges(
  { terminal, clock }: Cli,
  paths: readonly string[],
  changes: readonly CoreChange[],
  log: Logger,
  isJson: boolean,
): void {
  if (isJson) {
    log.info({ files: paths, changes }, 'cores.reloaded');
    return;
  }
  const head = `${timeOf(clock)} ${terminal.paint('green', 'reloaded')} ${paths.map(shownPath).join(', ')}`;
  const lines = changes.map(({ name, kind, differences }) => {
    const what = kind === 'gone' ? 'is not exported any more; it stays until the next start' : kind;
    return `         ${name} ${what}${differences.length > 0 ? `: ${differences.join(', ')}` : ''}`;
  });
  terminal.err(`${[head, ...lines].join('\n')}\n`);
}
