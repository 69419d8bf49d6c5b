// Last pass: names that nobody uses (W401). Names that begin with `_` are meant to be.
import type { Body } from './body.ts';
import type { Declarations } from './declarations.ts';
import type { ProgramContext } from './program-context.ts';

export function reportUnused(
  declarations: Declarations,
  program: ProgramContext,
  bodies: Iterable<Body>,
): void {
  for (const body of bodies) reportVariables(body);
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

function reportVariables(body: Body): void {
  for (const { name, kind, span, isRead, isScoped } of body.allVariables) {
    const isReported = kind === 'local' && !isScoped && !isRead && !name.startsWith('_');
    if (isReported) body.error('W401', span, `'${name}' is never read`);
  }
}

function reportImports({ imports }: Declarations, program: ProgramContext): void {
  for (const { scope, local, declaration } of imports) {
    const isUsed = program.usedDeclarations.has(declaration);
    if (!isUsed && !local.text.startsWith('_'))
      scope.report('W401', local.span, `'${local.text}' is imported and never used`);
  }
}
