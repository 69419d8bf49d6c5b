// The checker: its passes, in order. Each says in its header which diagnostics are its own.
import type { Diagnostics } from '../source/diagnostic.ts';
import { DYNAMIC } from '../types/construct.ts';
import type { Type } from '../types/type.ts';
import { TypeTable } from '../types/type-table.ts';
import { checkExpr } from './assignability.ts';
import { Body, type BodyPasses, type BodyTrace } from './body.ts';
import { checkCallable } from './check-callable.ts';
import { checkCore } from './check-core.ts';
import { checkStatements } from './check-statement.ts';
import { checkTest } from './check-test.ts';
import { reportUnused } from './check-unused.ts';
import type { CheckedCallable, CheckedParam, CheckedProgram } from './checked.ts';
import { buildTables } from './core-tables.ts';
import { type CallableDeclaration, collectDeclarations, type Declaration } from './declarations.ts';
import { closeEffects, effectsOf } from './effects.ts';
import { inferExpr } from './infer.ts';
import { type CallableHead, ProgramContext } from './program-context.ts';
import type { LoadedProgram } from './resolve-modules.ts';
import { defineTypes, TypeResolver } from './resolve-type.ts';

const PASSES: BodyPasses = { infer: inferExpr, check: checkExpr, statements: checkStatements };
/** Chains of callables without a declared result are followed this far. */
const INFER_DEPTH_MAX = 50;
const TREE_DEPTH_MAX = 300;

/** Never throws, whatever the tree; what cannot be understood is `dynamic`. */
export function checkProgram(loaded: LoadedProgram, diagnostics: Diagnostics): CheckedProgram {
  const declarations = collectDeclarations(loaded, diagnostics);
  const used = new Set<Declaration>();
  const resolver = new TypeResolver(used);
  const types = defineTypes(declarations.types, resolver);
  const tables = buildTables(declarations, resolver);
  const heads = new Map(
    declarations.callables.map((declaration) => [declaration.name, headOf(declaration, resolver)]),
  );
  const table = new TypeTable(types);
  const program = new ProgramContext({
    table,
    resolver,
    tables,
    heads,
    usedDeclarations: used,
    idCount: loaded.nextId,
  });

  const { core, entry } = declarations;
  if (core) checkCore(new Body(program, entry, 'constant', PASSES), core);
  const bodies = checkBodies(program);
  const tests = declarations.tests.map(({ node, scope }) => checkTest(program, node, scope, PASSES));
  const effects = closeEffects(bodies);
  const all = [...bodies.values(), ...tests.map(({ trace }) => trace)];
  for (const trace of all) reportImpureCalls(trace, effects);
  reportUnused(declarations, program, all);

  const callables = new Map<string, CheckedCallable>();
  for (const { name, node, scope } of declarations.callables)
    callables.set(name, {
      name,
      node,
      file: scope.module.file,
      params: heads.get(name)?.params ?? [],
      result: bodies.get(name)?.result ?? DYNAMIC,
      effects: effectsOf(effects.get(name) ?? 0),
    });
  return {
    core,
    entry: entry.module.file,
    files: declarations.scopes.map(({ module }) => module.file),
    typeOf: (expr) => program.typeOf(expr),
    resolutionOf: (expr) => program.resolutionOf(expr),
    typeOfNode: (node) => resolver.typeOf(node),
    typeOfBlock: (block) => program.blockTypes.get(block) ?? DYNAMIC,
    types,
    callables,
    models: tables.models,
    plugins: tables.plugins,
    memory: tables.memory,
    reference: tables.reference,
    config: tables.config,
    coreInterfaces: tables.coreInterfaces,
    tests: declarations.tests.map(({ node, scope }) => ({ node, file: scope.module.file })),
  };
}

function headOf(declaration: CallableDeclaration, resolver: TypeResolver): CallableHead {
  const { node, scope } = declaration;
  const params = node.params.map((param): CheckedParam => ({
    name: param.name.text,
    type: resolver.resolve(param.type, scope),
    ...(param.initial && { initial: param.initial }),
    node: param,
  }));
  return { declaration, params, result: node.result && resolver.resolve(node.result, scope) };
}

/** What is left of a body when it is checked; the rest of it is let go. */
type CheckedBodies = Map<string, BodyTrace & { readonly result: Type }>;

/** Each once, in the order of the text; but those whose result has to be found out come before their callers. */
function checkBodies(program: ProgramContext): CheckedBodies {
  const bodies: CheckedBodies = new Map();
  const open = new Set<string>();
  const check = (name: string): Type => {
    const known = bodies.get(name);
    if (known) return known.result;
    const head = program.heads.get(name);
    const isDeep = open.size > INFER_DEPTH_MAX || program.depth > TREE_DEPTH_MAX;
    if (!head || open.has(name) || isDeep) return DYNAMIC;
    open.add(name);
    const { body, result } = checkCallable(program, head, PASSES);
    open.delete(name);
    bodies.set(name, { ...body.trace, result });
    return result;
  };
  program.inferResult = check;
  for (const name of program.heads.keys()) check(name);
  return bodies;
}

function reportImpureCalls(trace: BodyTrace, effects: ReadonlyMap<string, number>): void {
  for (const { callable, span, place, report } of trace.pureCalls) {
    if ((effects.get(callable) ?? 0) === 0) continue;
    const hint = 'put its result into a variable before';
    report('E312', span, `'${callable}' does more than compute, so it cannot be called in ${place}`, {
      hint,
    });
  }
}
