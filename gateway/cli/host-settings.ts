// What the commands that host something make of the settings: one configuration file serves them all, and each takes its
// part.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type AnyCore, GrainError } from '../../lib/index.ts';
import { CLUSTER_OPTIONS, type ClusterOptions } from '../cluster-options.ts';
import type { GranaryConfig } from '../config/config-keys.ts';
import type { GatewayOptions } from '../gateway.ts';
import type { Cli } from './cli.ts';
import type { Loaded } from './cores/core-loader.ts';
import { isLogLevel, type LogLevel } from './terminal-log.ts';

type Settings = Partial<GranaryConfig>;

/** Where Cores are looked for when nobody says. */
const CORES_FOLDER = 'cores';

/** @throws ERR_CORES_MISSING */
export function namesOf(named: readonly string[], { cores = [] }: Settings, cli: Cli): readonly string[] {
  if (named.length > 0) return named;
  if (cores.length > 0) return cores;
  const folder = path.join(cli.folder, CORES_FOLDER);
  if (existsSync(folder)) return [folder];
  const message = `no file of Cores was named, and there is no folder ${CORES_FOLDER}`;
  throw new GrainError('ERR_CORES_MISSING', { message });
}

export function coresOf({ cores }: Loaded): AnyCore[] {
  return [...cores.values()].map(({ core }) => core);
}

/** @throws ERR_CONFIG_INVALID */
export function levelOf({ logLevel = 'info' }: Settings): LogLevel {
  if (isLogLevel(logLevel)) return logLevel;
  const message = `logLevel must be debug, info, warn, error or silent, not ${logLevel}`;
  throw new GrainError('ERR_CONFIG_INVALID', { message, option: 'logLevel' });
}

/** What a gateway takes. */
export function gatewaySettings(settings: Settings): GatewayOptions {
  const {
    cores: _cores,
    url: _url,
    token,
    tokens = [],
    logLevel: _level,
    data: _data,
    silo: _silo,
    ...rest
  } = settings;
  const { onDataLoss: _loss, name: _name, healthPort: _health, ...others } = rest;
  const { models: _models, plugins: _plugins, coreConfig: _config, reference: _reference, ...mixed } = others;
  const http = Object.fromEntries(Object.entries(mixed).filter(([name]) => !CLUSTER_OPTIONS.has(name)));
  if (token === undefined) return { ...http, tokens };
  // The one token of a person who tries things out may do everything.
  return {
    ...http,
    tokens: [...tokens, { token, principal: 'operator', rights: ['call', 'admin'], anyTenant: true }],
  };
}

/** What a part of a cluster takes, silo or gateway. */
export function clusterSettings(settings: Settings): ClusterOptions {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => CLUSTER_OPTIONS.has(name)));
}
