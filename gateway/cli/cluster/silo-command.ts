// `granary silo`: a process that hosts Cores as a part of a cluster, until somebody asks it to stop.
import type { Logger } from '../../../lib/index.ts';
import { keepsCheckpoints } from '../../../silo/index.ts';
import { type SiloProcess, startSilo } from '../../cluster-host.ts';
import { REDIS_URL, shownRedis } from '../../cluster-options.ts';
import type { GranaryConfig } from '../../config/config-keys.ts';
import { type Cli, type ExitCode, stopped } from '../cli.ts';
import { coreFiles } from '../cores/core-files.ts';
import { CoreLoader, type Loaded } from '../cores/core-loader.ts';
import { clusterSettings, coresOf, levelOf, namesOf } from '../host-settings.ts';
import { programParts } from '../program-settings.ts';
import { readSettings } from '../settings-file.ts';
import { shownPath } from '../shown-path.ts';
import { tableLines } from '../table.ts';
import { logFor } from '../terminal-log.ts';
import { placesText, type RoleFlags, STOPPING } from './role.ts';

export interface SiloFlags
  extends RoleFlags, Partial<Pick<GranaryConfig, 'name' | 'linkHost' | 'linkPort' | 'healthPort'>> {
  readonly advertiseHost?: string;
  readonly advertisePort?: number;
}

export async function runSilo(cli: Cli, named: readonly string[], flags: SiloFlags): Promise<ExitCode> {
  const startedMs = cli.clock.nowMs();
  const { json: isJson = false, config, ...settingFlags } = flags;
  const settings = await readSettings(cli, settingFlags, config);
  const loaded = await new CoreLoader(programParts(settings, cli)).load(
    coreFiles(namesOf(named, settings, cli), cli.folder),
  );
  const log = logFor(cli.terminal, cli.clock, levelOf(settings), isJson || !cli.terminal.isErrTty);
  tellUnlisted(loaded, log);
  const name = settings.name ?? settings.silo?.name ?? `silo-${process.pid}`;
  // What a flow leaves behind and fails later is logged; other grains are not to suffer for it.
  const letStraysGo = cli.catchStrays(({ kind, error }) => {
    log.error({ err: error }, kind === 'rejection' ? 'promise.unhandled' : 'exception.uncaught');
  });
  const starting = startSilo({
    ...clusterSettings(settings),
    cores: coresOf(loaded),
    silo: { ...settings.silo, name },
    healthPort: settings.healthPort,
    log,
  });
  // Coming in may take a while, and it may be asked to stop meanwhile; the others see that the process has gone.
  const silo = await Promise.race([starting, stopped(cli)]);
  if (!silo) return 0;
  announce(cli, silo, { name, settings, loaded, isJson, tookMs: cli.clock.nowMs() - startedMs });
  await stopped(cli);
  if (!isJson) cli.terminal.err(STOPPING);
  await silo.stop();
  letStraysGo();
  return 0;
}

/** They are as safe as all memory; but whoever has to decide must know of them from a reply, or ask the grain. */
function tellUnlisted(loaded: Loaded, log: Logger): void {
  const cores = coresOf(loaded).filter(keepsCheckpoints);
  if (cores.length === 0) return;
  const facts = { cores: cores.map(({ definition }) => definition.name) };
  log.warn(
    facts,
    'checkpoints.unlisted: a cluster has no list of them yet, ask `checkpoints` of their grains',
  );
}

interface Announced {
  readonly name: string;
  readonly settings: Partial<GranaryConfig>;
  readonly loaded: Loaded;
  readonly isJson: boolean;
  readonly tookMs: number;
}

function announce({ terminal, version }: Cli, silo: SiloProcess, facts: Announced): void {
  const { name, settings, loaded, isJson, tookMs } = facts;
  const { incarnation, health } = silo;
  const link = `${silo.linkAddress.host}:${silo.linkAddress.port}`;
  if (isJson) {
    terminal.out(`${JSON.stringify({ silo: name, incarnation, link, pid: process.pid, health })}\n`);
    return;
  }
  const { cluster = 'granary', redis = REDIS_URL } = settings;
  const title = `Granary ${version}: silo ${name} is ready after ${Math.round(tookMs)} ms`;
  const places = [
    ['Cluster', cluster],
    ['Redis', shownRedis(redis)],
    ['Links', link],
    ...(health === undefined ? [] : [['Health', `${health}/health/ready`]]),
  ];
  const shown = [...loaded.cores].filter(([, { core }]) => core.definition.isInternal !== true);
  const rows = shown.map(([core, { core: definition, file }]) => [
    `${core} ${definition.definition.version}`,
    shownPath(file),
  ]);
  const columns = [{ title: 'Core' }, { title: 'file' }];
  const paint = (text: string): string => terminal.paint('dim', text);
  const cores = tableLines(columns, rows, { width: terminal.columns - 2, title: paint });
  terminal.out(placesText(terminal, title, places, cores));
}
