// `granary inspect`: what a host has loaded, which grains of a Core are in memory, how one of them is doing.
import { type CoreManifest, type InstancePage, type InstanceReport, shownCores } from '../../silo/index.ts';
import type { GranaryConfig } from '../config/config-keys.ts';
import { askFor, type Target, targetOf } from './ask.ts';
import type { Cli, ExitCode } from './cli.ts';
import { readSettings } from './settings-file.ts';
import { type Column, grouped, tableLines } from './table.ts';
import { printable, type Terminal } from './terminal.ts';

export interface InspectFlags extends Partial<Pick<GranaryConfig, 'url' | 'token'>> {
  readonly limit?: number;
  readonly cursor?: string;
  readonly json?: boolean;
  readonly config?: string;
}

const LIMIT = 50;
const PAGE_MAX = 1_000;
/** A page is in key order, so the grain is found or known to be away; more pages than this would take too long. */
const PAGES_MAX = 1_000;

export async function runInspect(
  cli: Cli,
  grain: string | undefined,
  { limit = LIMIT, cursor, json: isJson = false, config, ...settingFlags }: InspectFlags,
): Promise<ExitCode> {
  const { terminal } = cli;
  const target = targetOf(await readSettings(cli, settingFlags, config));
  const tell = (data: unknown, lines: readonly string[]): void =>
    terminal.out(isJson ? `${JSON.stringify(data)}\n` : `${lines.join('\n')}\n`);
  if (grain === undefined) {
    const cores = (await askFor(target, '/v1/cores')) as readonly CoreManifest[];
    // Those of the runtime itself are for machines.
    tell(cores, coreLines(terminal, shownCores(cores)));
    return 0;
  }
  const at = grain.indexOf('/');
  const core = at < 0 ? grain : grain.slice(0, at);
  const manifest = (await askFor(target, `/v1/cores/${encodeURIComponent(core)}`)) as CoreManifest;
  if (at >= 0) {
    const key = grain.slice(at + 1);
    const found = await findInstance(target, core, key);
    tell(found ?? { key, state: 'not in memory' }, instanceLines(core, key, found));
    return 0;
  }
  const page = await pageOf(target, core, Math.min(limit, PAGE_MAX), cursor);
  tell({ core: manifest, ...page }, [...manifestLines(terminal, manifest), ...pageLines(terminal, page)]);
  return 0;
}

async function pageOf(target: Target, core: string, limit: number, cursor?: string): Promise<InstancePage> {
  const query = new URLSearchParams({ limit: String(limit), ...(cursor === undefined ? {} : { cursor }) });
  const path = `/v1/cores/${encodeURIComponent(core)}/instances?${query.toString()}`;
  return (await askFor(target, path)) as InstancePage;
}

async function findInstance(target: Target, core: string, key: string): Promise<InstanceReport | undefined> {
  let cursor: string | undefined;
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const page = await pageOf(target, core, PAGE_MAX, cursor);
    const found = page.instances.find((instance) => instance.key === key);
    if (found || page.cursor === undefined) return found;
    cursor = page.cursor;
  }
  return undefined;
}

// ---- Lines ----

const right = (title: string): Column => ({ title, align: 'right' });

function table(
  terminal: Terminal,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const title = (text: string): string => terminal.paint('dim', text);
  return tableLines(columns, rows, { width: terminal.columns, title });
}

function coreLines(terminal: Terminal, cores: readonly CoreManifest[]): string[] {
  if (cores.length === 0) return ['No Cores are loaded.'];
  const rows = cores.map(({ name, version, mode, level, flows, events }) => [
    name,
    version,
    mode,
    level,
    flows.map((flow) => flow.name).join(' '),
    Object.keys(events).join(' '),
  ]);
  const titles = ['Core', 'version', 'mode', 'level', 'flows', 'events'];
  return table(
    terminal,
    titles.map((title) => ({ title })),
    rows,
  );
}

function manifestLines(terminal: Terminal, core: CoreManifest): string[] {
  const { name, version, schema, mode, entityKey, level, description, flows, events, on } = core;
  const pairs = (map: Readonly<Record<string, string>>): string =>
    Object.entries(map)
      .map(([from, to]) => `${from} -> ${to}`)
      .join(', ');
  return [
    `${terminal.paint('bold', name)} ${version}, schema ${schema}, ${level}`,
    ...(description === undefined ? [] : [printable(description)]),
    `Instances  ${entityKey === undefined ? mode : `one per ${entityKey}`}`,
    `Flows      ${flows.map((flow) => (flow.readonly ? `${flow.name} (readonly)` : flow.name)).join(', ')}`,
    ...(Object.keys(events).length === 0 ? [] : [`Events     ${pairs(events)}`]),
    ...(Object.keys(on).length === 0 ? [] : [`Listens    ${pairs(on)}`]),
    '',
  ];
}

function pageLines(terminal: Terminal, { instances, cursor }: InstancePage): string[] {
  if (instances.length === 0) return ['None is in memory now.'];
  const rows = instances.map(({ key, state, running, waiting, idleMs, bytes }) => [
    printable(key),
    state,
    grouped(running),
    grouped(waiting),
    `${(idleMs / 1_000).toFixed(1)} s`,
    grouped(bytes),
  ]);
  const columns = [{ title: 'Key' }, { title: 'state' }, right('running'), right('waiting'), right('idle')];
  const more = cursor === undefined ? [] : [`More: --cursor '${cursor}'`];
  return [...table(terminal, [...columns, right('bytes')], rows), ...more];
}

function instanceLines(core: string, key: string, found: InstanceReport | undefined): string[] {
  const name = `${core}/${printable(key)}`;
  if (!found) return [`${name} is not in memory. What it has stored stays; the next call brings it back.`];
  const { state, epoch, silo, running, waiting, idleMs, bytes } = found;
  return [
    `${name} is ${state} on ${silo}, epoch ${epoch}`,
    `${grouped(running)} turns running, ${grouped(waiting)} messages waiting, idle for ${(idleMs / 1_000).toFixed(1)} s`,
    `about ${grouped(bytes)} bytes of values`,
  ];
}
