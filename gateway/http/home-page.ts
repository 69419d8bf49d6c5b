import type { CoreManifest, FlowManifest } from '../../silo/index.ts';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
code,pre{font:14px/1.5 ui-monospace,monospace;background:#f3f3ef;border-radius:4px}code{padding:.1em .3em}
pre{padding:.8em;overflow:auto}h2{margin-top:2rem}small{color:#666;font-weight:400}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}code,pre{background:#262626}a{color:#8ab4f8}}`;

/** The page behind the URL that `granary dev` prints: what runs here, and what to try first. */
export function homePage(cores: readonly CoreManifest[], host: string): string {
  const body = [
    '<h1>Granary</h1>',
    '<p>A gateway to durable grains. It speaks HTTP and WebSocket; this is what it has loaded.</p>',
    `<h2>Cores <small>${cores.length}</small></h2>`,
    cores.length === 0 ? '<p>None yet. Start with <code>granary dev FILE…</code>.</p>' : '',
    ...cores.map((core) => coreSection(core, host)),
    '<h2>Paths</h2><ul>',
    ...[
      ['/v1/cores', 'the Cores, as JSON'],
      ['/v1/cluster', 'silos and their load'],
      ['/openapi.json', 'everything that can be asked here, for tools'],
      ['/metrics', 'for Prometheus'],
      ['/health/ready', 'whether new work is welcome'],
    ].map(([path = '', text = '']) => `<li><a href="${path}"><code>${path}</code></a> ${text}</li>`),
    `<li><code>ws://${escape(host)}/v1/stream</code> events, calls and subscriptions over one WebSocket</li></ul>`,
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Granary</title><style>${STYLE}</style></head>
<body>${body.join('\n')}</body></html>
`;
}

function coreSection(core: CoreManifest, host: string): string {
  const { name, version, mode, description, flows, events } = core;
  const [first] = flows;
  const eventNames = Object.keys(events);
  return [
    `<h3>${escape(name)} <small>${escape(version)}, ${mode}</small></h3>`,
    description === undefined ? '' : `<p>${escape(description)}</p>`,
    `<p>Flows: ${codes(flows.map(({ name: flow }) => flow)) || 'none'}.`,
    eventNames.length === 0 ? '</p>' : ` Events: ${codes(eventNames)}.</p>`,
    first === undefined ? '' : `<pre>${escape(exampleOf(core, first, host))}</pre>`,
    mode === 'entity'
      ? `<p><a href="/v1/cores/${encodeURIComponent(name)}/instances">Resident instances</a></p>`
      : '',
  ].join('\n');
}

function exampleOf(core: CoreManifest, flow: FlowManifest, host: string): string {
  const key = core.mode === 'entity' ? '/instances/KEY' : '';
  const url = `http://${host}/v1/cores/${encodeURIComponent(core.name)}${key}/flows/${encodeURIComponent(flow.name)}`;
  return `curl -X POST '${url}' \\\n  -H 'Content-Type: application/json' -d '{}'`;
}

function codes(names: readonly string[]): string {
  return names.map((name) => `<code>${escape(name)}</code>`).join(' ');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? letter);
}
