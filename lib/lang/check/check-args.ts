// Arguments against parameters: which belongs to which (E301), then whether they fit (E300). Generic signatures find
// their variables on the way, from left to right, so that a lambda knows what came before it.
import type { Span } from '../source/source-text.ts';
import type { Argument, Expr } from '../syntax/ast.ts';
import { BOOL, DYNAMIC, STRING, widen } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import { type FunctionType, type Signature, substitute } from '../types/signature.ts';
import type { Type } from '../types/type.ts';
import { type TypeArguments, VARIABLES } from '../types/type-arguments.ts';
import { unify } from '../types/unify.ts';
import { requireFit } from './assignability.ts';
import type { Body } from './body.ts';
import { requireBool } from './check-operator.ts';
import { didYouMean } from '../source/nearest.ts';

interface Parameter {
  readonly name: string;
  readonly is_optional: boolean;
}

/** By parameter; missing, surplus and unknown ones are reported, and still typed. */
export function matchArgs(
  body: Body,
  span: Span,
  what: string,
  params: readonly Parameter[],
  args: readonly Argument[],
): (Expr | undefined)[] {
  const matched: (Expr | undefined)[] = params.map(() => undefined);
  let position = 0;
  for (const { name, value } of args) {
    const index = name ? params.findIndex((param) => param.name === name.text) : position++;
    if (name && index < 0) {
      const hint = didYouMean(
        name.text,
        params.map((param) => param.name),
      );
      body.error('E301', name.span, `${what} has no parameter '${name.text}'`, hint);
    } else if (index >= params.length)
      body.error('E301', value.span, `${what} takes ${countOf(params)}, found ${args.length}`);
    else if (matched[index])
      body.error('E301', value.span, `parameter '${params[index]?.name ?? ''}' is given twice`);
    else {
      matched[index] = value;
      continue;
    }
    body.infer(value);
  }
  for (const [index, param] of params.entries())
    if (!matched[index] && !param.is_optional)
      body.error('E301', span, `${what} needs '${param.name}', which is not given`);
  return matched;
}

function countOf(params: readonly Parameter[]): string {
  const most = params.length;
  const least = params.filter(({ is_optional }) => !is_optional).length;
  const noun = most === 1 ? 'argument' : 'arguments';
  return least === most ? `${most} ${noun}` : `${least} to ${most} ${noun}`;
}

/** Of a callable or an interface, whose parameters have plain types. */
export function checkPlainArgs(
  body: Body,
  span: Span,
  what: string,
  params: readonly { readonly name: string; readonly type: Type; readonly initial?: Expr }[],
  args: readonly Argument[],
): void {
  const heads = params.map(({ name, type, initial }) => ({
    name,
    is_optional: initial !== undefined || body.program.table.isNullable(type),
  }));
  const matched = matchArgs(body, span, what, heads, args);
  for (const [index, arg] of matched.entries()) if (arg) body.check(arg, params[index]?.type ?? DYNAMIC);
}

/** Gives the type of the result. `known`: what the receiver says about the variables. */
export function checkSignatureArgs(
  body: Body,
  call: { readonly span: Span; readonly args: readonly Argument[] },
  what: string,
  signature: Signature,
  known: TypeArguments,
): Type {
  const params = signature.params ?? [];
  const matched = matchArgs(body, call.span, what, params, call.args);
  for (const [index, arg] of matched.entries()) {
    const param = params[index];
    if (!arg || !param) continue;
    if (param.fn) checkLambda(body, arg, param.fn, known);
    else checkArg(body, arg, param.type, known);
  }
  return substitute(signature.result, known);
}

function checkArg(body: Body, arg: Expr, pattern: Type, known: TypeArguments): void {
  const isOpen = pattern.kind === 'named' && VARIABLES.has(pattern.name) && !known.has(pattern.name);
  if (isOpen) {
    known.set(pattern.name, widen(body.infer(arg)));
    return;
  }
  // Variables of the receiver are fixed, `U` grows with each argument: math.max(1, 2.5).
  const isGrowing = pattern.kind === 'named' && pattern.name === 'U';
  if (isGrowing) {
    unify(pattern, widen(body.infer(arg)), known, body.program.table);
    return;
  }
  const actual = body.infer(arg, substitute(pattern, known));
  if (hasOpenVariable(pattern, known)) unify(pattern, actual, known, body.program.table);
  requireFit(body, arg, substitute(pattern, known));
}

function hasOpenVariable(pattern: Type, known: TypeArguments): boolean {
  switch (pattern.kind) {
    case 'named':
      return VARIABLES.has(pattern.name) && !known.has(pattern.name);
    case 'array':
      return hasOpenVariable(pattern.item, known);
    case 'map':
      return hasOpenVariable(pattern.key, known) || hasOpenVariable(pattern.value, known);
    case 'optional':
      return hasOpenVariable(pattern.inner, known);
    default:
      return false;
  }
}

function checkLambda(body: Body, arg: Expr, fn: FunctionType, known: TypeArguments): void {
  if (arg.kind !== 'lambda') {
    const type = body.infer(arg);
    const hint = arg.kind === 'ref' ? `write 'x => ${arg.name}(x)'` : undefined;
    if (arg.kind !== 'expr_error')
      body.error('E300', arg.span, `expected a lambda, found ${printType(type)}`, { hint });
    return;
  }
  const types = fn.params.map((param) => substitute(param, known));
  const expected = hasOpenVariable(fn.result, known) ? undefined : substitute(fn.result, known);
  const result = inferLambdaBody(body, arg, types, expected);
  if (fn.result === BOOL) requireBool(body, arg.body, result);
  else if (fn.result === STRING) requireFit(body, arg.body, STRING);
  else unify(fn.result, widen(result), known, body.program.table);
}

/** Lambdas may leave out parameters at the end. */
export function inferLambdaBody(
  body: Body,
  lambda: Expr & { readonly kind: 'lambda' },
  types: readonly Type[],
  expected?: Type,
): Type {
  if (lambda.params.length > types.length) {
    const span = lambda.params[types.length]?.span ?? lambda.span;
    body.error('E301', span, `the lambda is given ${types.length} values, and takes ${lambda.params.length}`);
  }
  const bindings = lambda.params.map((name, index) => ({
    name,
    type: types[index] ?? DYNAMIC,
    kind: 'lambda_param' as const,
  }));
  body.program.setType(lambda, DYNAMIC);
  return body.inPurePlace('a lambda', () =>
    body.withBindings(bindings, () => body.infer(lambda.body, expected)),
  );
}
