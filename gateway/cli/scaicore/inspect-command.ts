// `scaicore inspect`: what is in a program, without its flows' insides.
import { type CoreManifest, type IRModule, manifestOf } from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { fit, padEnd, printable, type Terminal, widthOf } from '../terminal.ts';
import { tellDiagnostics } from './diagnostics.ts';
import { BUNDLE, compileFile, readBundle, sourceFile } from './source-files.ts';

export interface InspectFlags {
  readonly json?: boolean;
}

export function runInspect(cli: Cli, named: string, { json = false }: InspectFlags): ExitCode {
  const module = loadModule(cli, named);
  if (!module) return 1;
  const manifest = manifestOf(module);
  cli.terminal.out(json ? `${JSON.stringify(manifest)}\n` : `${lines(cli.terminal, manifest).join('\n')}\n`);
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

type Row = readonly [name: string, text: string];

function lines(terminal: Terminal, manifest: CoreManifest): readonly string[] {
  const { name, version, schema_version: schema, description, instance } = manifest;
  const { mode, ...bounds } = instance;
  const limits = Object.entries(bounds).map(([bound, value]) => `${bound} ${String(value)}`);
  return [
    `${terminal.paint('bold', printable(name))} v${printable(version)}, IR ${printable(schema)}`,
    ...(description === undefined ? [] : [printable(description)]),
    printable(`instance: ${[mode, ...limits].join(', ')}`),
    ...tables(manifest).flatMap(([title, rows]) => tableLines(terminal, title, rows)),
  ];
}

function tableLines(terminal: Terminal, title: string, rows: readonly Row[]): readonly string[] {
  if (rows.length === 0) return [];
  const width = Math.max(...rows.map(([name]) => widthOf(name)));
  // Only people have columns: a pipe wants all of it.
  const columns = terminal.isOutTty ? terminal.columns : Infinity;
  const texts = rows.map(([name, text]) => printable(`  ${padEnd(name, width)}  ${text}`.trimEnd()));
  return ['', terminal.paint('bold', title), ...texts.map((text) => fit(text, columns))];
}

function tables(manifest: CoreManifest): readonly (readonly [title: string, rows: readonly Row[]])[] {
  const { flows, functions, types, memory, reference, config, models, plugins } = manifest;
  return [
    ['flows', flows.map(flowRow)],
    ['functions', functions.map(flowRow)],
    ['types', Object.entries(types)],
    ['memory', Object.entries(memory)],
    ['reference', Object.entries(reference)],
    ['config', config.map(configRow)],
    ['models', Object.entries(models).map(modelRow)],
    [
      'plugins',
      plugins.map(({ alias, publisher, name, version }) => [alias, `${publisher}/${name}@${version}`]),
    ],
    ['triggers', manifest.triggers.map(triggerRow)],
    [
      'subscriptions',
      manifest.subscriptions.map((each) => [
        `${each.event} from ${each.source_core}`,
        `-> ${each.target_flow}`,
      ]),
    ],
  ];
}

function flowRow({ name, params, returns, is_internal: isInternal }: CoreManifest['flows'][number]): Row {
  const texts = params.map(
    (param) => `${param.name}: ${param.type}${param.is_optional && !param.type.endsWith('?') ? ' = …' : ''}`,
  );
  return [name, `(${texts.join(', ')}): ${returns}${isInternal ? '  internal' : ''}`];
}

function configRow(param: CoreManifest['config'][number]): Row {
  const { name, type, is_secret: isSecret, is_runtime_configurable: isLive } = param;
  const value = isSecret
    ? ' (secret)'
    : param.default === undefined
      ? ' (required)'
      : ` = ${JSON.stringify(param.default)}`;
  return [name, `${type}${value}${isLive ? '  runtime configurable' : ''}`];
}

function modelRow([role, model]: [string, CoreManifest['models'][string]]): Row {
  return [role, `${model.provider}/${model.model}`];
}

function triggerRow({ kind, name, target_flow: flow, cron, path }: CoreManifest['triggers'][number]): Row {
  const parts = [`-> ${flow}`, cron, path].filter((part) => part !== undefined);
  return [`${kind} ${name}`, parts.join('  ')];
}
