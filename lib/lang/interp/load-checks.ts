// Whether a module can run in an environment: asked once, when it is loaded.
import { type IRBlock, type IRModule, type IRStmt, SCHEMA_VERSION } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import type { HostEnvironment } from './host-environment.ts';
import { settingProblems } from './settings.ts';

/** @throws LoadError with all problems */
export function checkEnvironment(module: IRModule, env: HostEnvironment): void {
  const problems = [...problemsOf(module, env)];
  if (problems.length === 0) return;
  const message = `'${module.name}' cannot be loaded: ${problems.join('; ')}`;
  throw new ScaiCoreError('LoadError', message, { problems });
}

function* problemsOf(module: IRModule, env: HostEnvironment): Generator<string> {
  if (!isReadable(module.schema_version))
    yield `its IR has version ${module.schema_version}, this engine runs ${SCHEMA_VERSION}`;
  for (const plugin of module.plugins) {
    const { alias, publisher, name, version } = plugin;
    if (env.plugins?.has({ alias, publisher, name, version }) !== true)
      yield `plugin '${alias}' (${publisher}/${name}@${version}) is not there`;
  }
  yield* settingProblems(module, env);
  if (!usesModels(module)) return;
  if (!env.modelProviders) yield 'it calls models, and there is no model provider';
  else yield* unservedModels(module, env.modelProviders.providers);
}

/** A model is served if somebody in its row is there: what happens to the others is told when they are asked. */
function* unservedModels({ models }: IRModule, served: readonly string[] | undefined): Generator<string> {
  if (served === undefined) return;
  for (const [role, { provider, fallback }] of Object.entries(models)) {
    const named = new Set([provider, ...fallback.map((other) => other.provider)]);
    if (served.some((name) => named.has(name))) continue;
    const wanted = [...named].map((name) => `'${name}'`).join(', ');
    const known = served.map((name) => `'${name}'`).join(', ') || 'none';
    yield `model '${role}' is of provider ${wanted}, which is not there; there are: ${known}`;
  }
}

/** The same major and minor version: before 1.0 each minor one may change what is there. */
function isReadable(version: string): boolean {
  const [major, minor] = SCHEMA_VERSION.split('.');
  const [otherMajor, otherMinor] = version.split('.');
  return major === otherMajor && minor === otherMinor;
}

function usesModels(module: IRModule): boolean {
  return [...module.flows, ...module.functions].some(({ body }) => body.some(blockUsesModels));
}

function blockUsesModels(block: IRBlock): boolean {
  switch (block.kind) {
    case 'flexible':
    case 'guarded':
    case 'model_call':
      return true;
    case 'rigid':
    case 'debug':
      return block.statements.some(statementUsesModels);
    case 'parallel':
      return block.branches.some(({ body }) => body.some(blockUsesModels));
    case 'foreach':
    case 'budget':
      return block.body.some(blockUsesModels);
    case 'while':
      return (block.prepare ?? []).some(statementUsesModels) || block.body.some(blockUsesModels);
    case 'match':
      return block.arms.some(({ body }) => body.some(blockUsesModels));
    case 'try':
      return [block, ...block.catches].some(({ body }) => body.some(blockUsesModels));
    case 'checkpoint':
      return (block.on_response ?? []).some(({ body }) => body.some(blockUsesModels));
    case 'core_call':
    case 'await_responses':
      return false;
  }
}

function statementUsesModels(statement: IRStmt): boolean {
  switch (statement.kind) {
    case 'block':
      return blockUsesModels(statement.block);
    case 'if':
      return [...statement.then, ...(statement.otherwise ?? [])].some(statementUsesModels);
    case 'match':
      return statement.arms.some(({ body }) => body.some(statementUsesModels));
    default:
      return (
        statement.kind === 'reference_search' || (statement.kind === 'memory_op' && statement.op === 'search')
      );
  }
}
