// Bodies of flows, transformers, evaluators and pipelines: their parameters, and what they give back (E201, E309).
import { bounded, DYNAMIC, NULL, optionalOf } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import { Body, type BodyPasses } from './body.ts';
import { ROOTS } from './check-name.ts';
import { reportDuplicate } from './declarations.ts';
import type { CallableHead, ProgramContext } from './program-context.ts';

/** Gives the checked body, and the type of its result. */
export function checkCallable(
  program: ProgramContext,
  head: CallableHead,
  passes: BodyPasses,
): { readonly body: Body; readonly result: Type } {
  const { node, scope } = head.declaration;
  const body = new Body(program, scope, node.kind, passes, head);
  declareParams(body, head);
  if (node.kind === 'pipeline') {
    const type = head.result ? body.check(node.body, head.result, 'E306') : body.infer(node.body);
    return { body, result: head.result ?? bounded(type) };
  }
  body.statements(node.body);
  return { body, result: resultOf(body, head) };
}

function declareParams(body: Body, head: CallableHead): void {
  const { scope } = body;
  const { tables } = body.program;
  for (const { node, type, initial } of head.params) {
    const { name } = node;
    const known = body.variables.get(name.text);
    if (known)
      reportDuplicate(scope.report, scope.module.file.source, name, 'parameter', {
        text: known.name,
        span: known.span,
      });
    else if (ROOTS.has(name.text) || tables.plugins.has(name.text))
      body.error('E201', name.span, `'${name.text}' means something else already`);
    if (initial) body.inPurePlace('the default of a parameter', () => body.check(initial, type));
    body.declare(name, type, 'param');
  }
}

function resultOf(body: Body, head: CallableHead): Type {
  const { name } = head.declaration.node;
  const { isReachable } = body.flow;
  if (head.result) {
    const isEnd = isReachable && !body.hasUnknownStatement;
    const isNothing = isEnd && !body.program.table.isAssignable(NULL, head.result);
    if (isNothing) {
      const hint = `every way has to end with 'return', giving ${printType(head.result)}`;
      body.error('E309', name.span, `'${name.text}' may end without giving anything back`, { hint });
    }
    return head.result;
  }
  if (!body.hasReturned) return isReachable ? NULL : DYNAMIC;
  const returned = body.returned.kind === 'never' ? DYNAMIC : body.returned;
  return bounded(isReachable ? optionalOf(returned) : returned);
}
