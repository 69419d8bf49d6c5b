// Last pass: names that nobody uses (W401). Names that begin with `_` are meant to be.
import type { BodyTrace } from './body.ts';
import type { Declarations } from './declarations.ts';
import type { ProgramContext } from './program-context.ts';

export function reportUnused(
  declarations: Declarations,
  program: ProgramContext,
  traces: Iterable<BodyTrace>,
): void {
  for (const trace of traces) reportVariables(trace);
  reportImports(declarations, program);
  const { entry } = declarations;
  for (const declaration of [...declarations.types, ...declarations.callables]) {
    const { node, scope } = declaration;
    // Flows are entered from outside.
    const isEntry = node.kind === 'flow' || node.is_pub || node.name.text.startsWith('_');
    if (isEntry || scope !== entry || program.usedDeclarations.has(declaration)) continue;
    const what = node.kind === 'type_decl' ? 'type' : node.kind;
    scope.report('W401', node.name.span, `${what} '${node.name.text}' is never used`);
  }
  for (const [alias, { node }] of program.tables.plugins)
    if (!program.usedPlugins.has(alias) && !alias.startsWith('_'))
      entry.report('W401', node.alias.span, `plugin '${alias}' is never used`);
}

function reportVariables({ unread, report }: BodyTrace): void {
  for (const { name, span, isScoped } of unread)
    if (!isScoped && !name.startsWith('_')) report('W401', span, `'${name}' is never read`);
}

function reportImports({ imports }: Declarations, program: ProgramContext): void {
  for (const { scope, local, declaration } of imports) {
    const isUsed = program.usedDeclarations.has(declaration);
    if (!isUsed && !local.text.startsWith('_'))
      scope.report('W401', local.span, `'${local.text}' is imported and never used`);
  }
}
