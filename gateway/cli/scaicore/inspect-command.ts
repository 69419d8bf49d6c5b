// `scaicore inspect`: what is in a program, without its flows' insides.
import { type CoreManifest, type IRModule, manifestOf } from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { padEnd, printable, widthOf } from '../terminal.ts';
import { tellDiagnostics } from './diagnostics.ts';
import { BUNDLE, compileFile, readBundle, sourceFile } from './source-files.ts';

export interface InspectFlags {
  readonly json?: boolean;
}

export function runInspect(cli: Cli, named: string, { json = false }: InspectFlags): ExitCode {
  const module = loadModule(cli, named);
  if (!module) return 1;
  const manifest = manifestOf(module);
  cli.terminal.out(json ? `${JSON.stringify(manifest)}\n` : textOf(cli, manifest, module));
  return 0;
}

/** Undefined when the source has errors, which were told. */
export function loadModule(cli: Cli, named: string): IRModule | undefined {
  const file = sourceFile(named, cli);
  if (file.endsWith(BUNDLE)) return readBundle(file, cli);
  const result = compileFile(file, cli);
  if (!result.module) tellDiagnostics(cli, result, 'text');
  return result.module;
}

function textOf({ terminal }: Cli, manifest: CoreManifest, module: IRModule): string {
  const { mode, ...bounds } = manifest.instance;
  const head = `${terminal.paint('bold', manifest.name)} v${manifest.version}, IR ${manifest.schema_version}`;
  const lines = [head];
  if (module.description !== undefined) lines.push(module.description);
  const limits = Object.entries(bounds).map(([name, value]) => `${name} ${String(value)}`);
  lines.push(`instance: ${[mode, ...limits].join(', ')}`);
  const table = (title: string, rows: readonly (readonly [string, string])[]): void => {
    if (rows.length === 0) return;
    const width = Math.max(...rows.map(([name]) => widthOf(name)));
    lines.push('', terminal.paint('bold', title));
    for (const [name, text] of rows) lines.push(`  ${padEnd(name, width)}  ${text}`);
  };
  table(
    'flows',
    module.flows.map(({ name }) => [name, flowText(manifest, name)]),
  );
  table(
    'memory',
    Object.entries(manifest.memory).map(([name, type]) => [name, String(type)]),
  );
  table(
    'reference',
    Object.entries(manifest.reference).map(([name, type]) => [name, String(type)]),
  );
  table(
    'config',
    module.config.map(({ name, secret, default: given }) => [
      name,
      secret === true ? '(secret)' : given === undefined ? '(required)' : JSON.stringify(given),
    ]),
  );
  table(
    'models',
    Object.entries(module.models).map(([role, { provider, model }]) => [role, `${provider}/${model}`]),
  );
  table(
    'plugins',
    module.plugins.map(({ alias, publisher, name, version }) => [alias, `${publisher}/${name}@${version}`]),
  );
  table(
    'triggers',
    module.triggers.map(({ kind, name, target_flow, cron, path }) => [
      `${kind} ${name}`,
      [`-> ${target_flow}`, cron, path].filter((part) => part !== undefined).join('  '),
    ]),
  );
  table(
    'subscriptions',
    module.subscriptions.map(({ event, source_core, target_flow }) => [
      `${event} from ${source_core}`,
      `-> ${target_flow}`,
    ]),
  );
  return `${lines.map(printable).join('\n')}\n`;
}

function flowText({ flows }: CoreManifest, name: string): string {
  const flow = flows.find((each) => each.name === name);
  if (!flow) return '';
  const params = flow.params.map((param) => `${param.name}: ${param.type}`);
  return `(${params.join(', ')}): ${flow.returns}`;
}
