// `scaicore compile` and `scaicore check`.
import path from 'node:path';
import { disassemble, type IRModule, IRSerializer, manifestOf } from '../../../lib/lang/index.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { type DiagnosticFormat, exitCodeOf, tellDiagnostics } from './diagnostics.ts';
import { BUNDLE, compileFile, shownName, sourceToCompile } from './source-files.ts';
import { writeWhole } from './whole-file.ts';

export interface CheckFlags {
  readonly strict?: boolean;
  readonly format?: DiagnosticFormat;
}
export interface CompileFlags extends CheckFlags {
  readonly output?: string;
  readonly emitIr?: boolean;
  readonly emitManifest?: boolean;
  readonly debug?: boolean;
}

export function runCheck(cli: Cli, named: string, flags: CheckFlags): ExitCode {
  const { strict = false, format = 'text' } = flags;
  const result = compileFile(sourceToCompile(named, cli), cli, { strict });
  tellDiagnostics(cli, result, format);
  if (result.module && format === 'text') {
    const { name, version } = result.module;
    cli.terminal.out(`${tick(cli)} ${name} v${version} — all checks passed (${countsOf(result.module)})\n`);
  }
  return exitCodeOf(result);
}

export function runCompile(cli: Cli, named: string, flags: CompileFlags): ExitCode {
  const { strict = false, debug = false, format = 'text' } = flags;
  const result = compileFile(sourceToCompile(named, cli), cli, { strict, debug });
  const { module } = result;
  const isText = format === 'text' || flags.emitIr === true || flags.emitManifest === true;
  tellDiagnostics(cli, result, isText ? 'text' : format);
  if (!module) return exitCodeOf(result);
  if (flags.emitIr === true) cli.terminal.out(disassemble(module));
  if (flags.emitManifest === true) cli.terminal.out(`${JSON.stringify(manifestOf(module), undefined, 2)}\n`);
  if (flags.emitIr === true || flags.emitManifest === true) return 0;
  const output = path.resolve(cli.folder, flags.output ?? path.join('build', `${module.name}${BUNDLE}`));
  const bytes = new IRSerializer().serialize(module);
  writeWhole(output, bytes);
  if (format === 'text') {
    cli.terminal.out(`${tick(cli)} Compiled ${module.name} v${module.version} (${countsOf(module)})\n`);
    cli.terminal.out(`  ${shownName(output, cli)} (${sizeText(bytes.length)})\n`);
  }
  return 0;
}

function tick({ terminal }: Cli): string {
  return terminal.paint('green', '✓');
}

function countsOf({ flows, functions, types, triggers, plugins }: IRModule): string {
  const counts: readonly (readonly [number, string])[] = [
    [flows.length, 'flow'],
    [functions.length, 'function'],
    [Object.keys(types).length, 'type'],
    [triggers.length, 'trigger'],
    [plugins.length, 'plugin'],
  ];
  const texts = counts
    .filter(([count], index) => index === 0 || count > 0)
    .map(([count, name]) => `${count} ${name}${count === 1 ? '' : 's'}`);
  return texts.join(', ');
}

function sizeText(bytes: number): string {
  return bytes < 1_024 ? `${bytes} bytes` : `${(bytes / 1_024).toFixed(1)} KB`;
}
