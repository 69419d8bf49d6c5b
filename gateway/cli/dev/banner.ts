// What `granary dev` says when it is ready: where it is, what it hosts, and what to try first.
import { type CoreManifest, type FlowManifest, shownCores } from '../../../silo/index.ts';
import type { Host } from '../../host.ts';
import { tableLines } from '../table.ts';
import { padEnd, type Terminal } from '../terminal.ts';
import { sampleInput } from './sample-input.ts';

export interface BannerFacts {
  readonly host: Host;
  readonly version: string;
  readonly tookMs: number;
  /** As the user named it. */
  readonly data: string;
  /** Core → the file that exports it, as the user would write it. */
  readonly files: ReadonlyMap<string, string>;
  readonly hasToken: boolean;
  readonly isWatching: boolean;
}

export function bannerText(terminal: Terminal, facts: BannerFacts): string {
  const { host, version, tookMs, data } = facts;
  const manifests = shownCores(host.silo.manifests().values());
  const places = [
    ['HTTP', host.url],
    ['WebSocket', host.stream],
    ['Data', data === 'memory' ? 'in memory, gone when it stops' : data],
  ];
  const lines = [
    `${terminal.paint('bold', 'Granary')} ${version} is ready after ${Math.round(tookMs)} ms`,
    '',
    ...places.map(([name = '', text = '']) => `${padEnd(name, 11)}${terminal.paint('cyan', text)}`),
    '',
    ...coreLines(terminal, manifests, facts.files),
    ...exampleLines(terminal, manifests, facts),
    '',
    terminal.paint(
      'dim',
      facts.isWatching ? 'Watching the files for changes. Ctrl-C stops.' : 'Ctrl-C stops.',
    ),
  ];
  return `\n${lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n\n`;
}

function coreLines(
  terminal: Terminal,
  manifests: readonly CoreManifest[],
  files: ReadonlyMap<string, string>,
): string[] {
  const rows = manifests.map((core) => [
    `${core.name} ${core.version}`,
    core.entityKey === undefined ? core.mode : `one per ${core.entityKey}`,
    core.flows.map(({ name }) => name).join(' '),
    files.get(core.name) ?? '',
  ]);
  const columns = ['Core', 'instances', 'flows', 'file'].map((title) => ({ title }));
  const title = (text: string): string => terminal.paint('dim', text);
  return tableLines(columns, rows, { width: terminal.columns - 2, title });
}

/** A flow that surely can be called as it stands. */
function exampleLines(terminal: Terminal, manifests: readonly CoreManifest[], facts: BannerFacts): string[] {
  const core = manifests.find(({ flows }) => flows.length > 0);
  const flow = core?.flows[0];
  if (!core || !flow) return [];
  const { url } = facts.host;
  const data = JSON.stringify(exampleInput(core, flow) ?? {});
  return [
    '',
    terminal.paint('dim', 'Try'),
    `curl ${url}${pathOf(core, flow)} \\`,
    ...(facts.hasToken ? [`  -H "Authorization: Bearer $GRANARY_TOKEN" \\`] : []),
    `  -H 'Content-Type: application/json' -d '${data.replaceAll("'", String.raw`'\''`)}'`,
  ];
}

const EXAMPLE_KEY = 'one';

function exampleInput({ entityKey }: CoreManifest, { input }: FlowManifest): unknown {
  return sampleInput(input, entityKey, EXAMPLE_KEY);
}

function pathOf({ name, mode }: CoreManifest, flow: FlowManifest): string {
  const instance = mode === 'entity' ? `/instances/${EXAMPLE_KEY}` : '';
  return `/v1/cores/${encodeURIComponent(name)}${instance}/flows/${encodeURIComponent(flow.name)}`;
}
