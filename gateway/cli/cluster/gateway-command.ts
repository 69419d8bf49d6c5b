// `granary gateway`: the way in to a cluster, in a process of its own. It hosts nothing; silos tell it what they host.
import { type GatewayProcess, startGateway } from '../../cluster-host.ts';
import { REDIS_URL, shownRedis } from '../../cluster-options.ts';
import type { GranaryConfig } from '../../config/config-keys.ts';
import { type Cli, type ExitCode, stopped } from '../cli.ts';
import { clusterSettings, gatewaySettings, levelOf } from '../host-settings.ts';
import { readSettings } from '../settings-file.ts';
import { logFor } from '../terminal-log.ts';
import { placesText, type RoleFlags, STOPPING } from './role.ts';

export interface GatewayFlags extends RoleFlags, Partial<Pick<GranaryConfig, 'host' | 'port' | 'token'>> {}

export async function runGateway(cli: Cli, flags: GatewayFlags): Promise<ExitCode> {
  const startedMs = cli.clock.nowMs();
  const { json: isJson = false, config, ...settingFlags } = flags;
  const settings = await readSettings(cli, settingFlags, config);
  const log = logFor(cli.terminal, cli.clock, levelOf(settings), isJson || !cli.terminal.isErrTty);
  const starting = startGateway({ ...clusterSettings(settings), ...gatewaySettings(settings), log });
  // Without a silo it waits for one, and may be asked to stop meanwhile; the end of the process ends that.
  const gateway = await Promise.race([starting, stopped(cli)]);
  if (!gateway) return 0;
  announce(cli, gateway, settings, { isJson, tookMs: cli.clock.nowMs() - startedMs });
  await stopped(cli);
  if (!isJson) cli.terminal.err(STOPPING);
  await gateway.stop();
  return 0;
}

function announce(
  { terminal, version }: Cli,
  { url, stream }: GatewayProcess,
  { cluster = 'granary', redis = REDIS_URL }: Partial<GranaryConfig>,
  { isJson, tookMs }: { readonly isJson: boolean; readonly tookMs: number },
): void {
  if (isJson) {
    terminal.out(`${JSON.stringify({ url, stream, pid: process.pid })}\n`);
    return;
  }
  const title = `Granary ${version}: the gateway is ready after ${Math.round(tookMs)} ms`;
  const places = [
    ['HTTP', url],
    ['WebSocket', stream],
    ['Cluster', cluster],
    ['Redis', shownRedis(redis)],
  ];
  terminal.out(placesText(terminal, title, places, []));
}
