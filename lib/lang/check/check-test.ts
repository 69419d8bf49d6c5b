// `@test`: what is mocked, given, called and asked of the outcome.
import type { TestNode, TestPartNode } from '../syntax/ast.ts';
import { arrayOf, BOOL, DYNAMIC, objectOf, STRING } from '../types/construct.ts';
import type { Type } from '../types/type.ts';
import { Body, type Binding, type BodyPasses } from './body.ts';
import { bindName } from './check-assign.ts';
import type { ModuleScope } from './declarations.ts';
import { didYouMean } from '../source/nearest.ts';
import type { ProgramContext } from './program-context.ts';

/** What `@then` knows besides the names of the test. */
const OUTCOME: readonly (readonly [string, Type])[] = [
  ['status', STRING],
  ['error', DYNAMIC],
  ['checkpoint', DYNAMIC],
  [
    'emitted',
    arrayOf(
      objectOf([
        { name: 'event', type: STRING },
        { name: 'data', type: DYNAMIC },
      ]),
    ),
  ],
];

export function checkTest(
  program: ProgramContext,
  node: TestNode,
  scope: ModuleScope,
  passes: BodyPasses,
): Body {
  const body = new Body(program, scope, 'test', passes);
  body.infer(node.title);
  for (const part of node.parts) checkPart(body, part);
  return body;
}

function checkPart(body: Body, part: TestPartNode): void {
  switch (part.kind) {
    case 'mock':
      checkTarget(body, part);
      body.infer(part.value);
      return;
    case 'given':
      body.statements(part.body);
      return;
    case 'when': {
      const { call, binding } = part;
      const type = body.infer(call);
      const isCall = call.kind === 'call' && body.program.resolutionOf(call)?.kind === 'callable';
      if (!isCall && call.kind !== 'expr_error' && call.kind !== 'call')
        body.error('E203', call.span, '@when calls a flow');
      if (binding) bindName(body, binding, type);
      const variable = binding && body.variables.get(binding.text);
      if (variable) variable.isRead = true;
      return;
    }
    case 'then':
      checkOutcome(body, part);
      return;
    case 'property':
      checkProperty(body, part);
  }
}

/** A model role, `alias.method`, or the address of a core. */
function checkTarget(body: Body, { target }: TestPartNode & { readonly kind: 'mock' }): void {
  const { models, plugins, hasCore } = body.program.tables;
  const { text, span } = target;
  if (text.includes('://') || !hasCore) return;
  const [alias = '', method] = text.split('.');
  if (method === undefined) {
    if (!models.has(text))
      body.error('E204', span, `there is no model '${text}'`, didYouMean(text, models.keys()));
    return;
  }
  const plugin = plugins.get(alias);
  body.program.usedPlugins.add(alias);
  if (!plugin) body.error('E205', span, `there is no plugin '${alias}'`, didYouMean(alias, plugins.keys()));
  else if (plugin.interface && !plugin.interface.methods.has(method)) {
    const hint = didYouMean(method, plugin.interface.methods.keys());
    body.error('E303', span, `the interface of '${alias}' has no method '${method}'`, hint);
  }
}

/** A flow that stops at a checkpoint or fails gives nothing, so its value is taken as it comes. */
function checkOutcome(body: Body, part: TestPartNode & { readonly kind: 'then' }): void {
  const { span } = part;
  const names = OUTCOME.filter(([text]) => body.flow.get(text) === undefined).map(
    ([text, type]): Binding => ({ name: { text, span }, type, kind: 'pseudo' }),
  );
  body.withBindings(names, () => {
    for (const check of part.checks) body.check(check, BOOL, 'E308');
  });
}

function checkProperty(body: Body, part: TestPartNode & { readonly kind: 'property' }): void {
  const names = part.params.map(({ name, type }): Binding => ({
    name,
    type: body.program.resolveType(type, body.scope),
    kind: 'param',
  }));
  body.withBindings(names, () => {
    for (const check of part.checks) body.check(check, BOOL, 'E308');
  });
}
