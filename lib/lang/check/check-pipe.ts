// Pipes: what flows from stage to stage (E203, E300, E301, E401).
import type { Argument, Expr, FieldNode, PipeExpr } from '../syntax/ast.ts';
import { arrayOf, BOOL, DYNAMIC, NEVER } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import { reportNull } from './assignability.ts';
import type { Body } from './body.ts';
import { checkPlainArgs, inferLambdaBody } from './check-args.ts';
import { callableNamed, visibleNames } from './check-name.ts';
import { exportedNames, isExported } from './declarations.ts';
import { EFFECT } from './effects.ts';
import { didYouMean } from '../source/nearest.ts';
import type { CallableHead } from './program-context.ts';

/** Pipes lean to the left: they are walked, not entered. */
export function inferPipe(body: Body, expr: PipeExpr): Type {
  const chain: PipeExpr[] = [];
  let first: Expr = expr;
  for (; first.kind === 'pipe'; first = first.left) chain.push(first);
  let type = body.infer(first);
  for (let node = chain.pop(); node; node = chain.pop())
    type = body.program.setType(node, inferOne(body, node, type));
  return type;
}

function inferOne(body: Body, node: PipeExpr, input: Type): Type {
  // Which options a pipe has is the parser's to say.
  const options = new Map(node.options.map((option) => [option.name.text, option]));
  const { table } = body.program;
  const [stage] = node.stages;
  switch (node.op) {
    case '|>':
      return stage ? inferStage(body, node, stage, input) : DYNAMIC;
    case '|?>':
      if (node.condition) body.check(node.condition, BOOL);
      return stage ? table.join(input, inferStage(body, node, stage, input)) : input;
    case '|*>': {
      let results: Type = NEVER;
      for (const each of node.stages) results = table.join(results, inferStage(body, node, each, input));
      compound(body, node);
      const merge = options.get('merge');
      return merge ? inferFunction(body, merge.value, arrayOf(results)) : arrayOf(results);
    }
    case '|~>': {
      compound(body, node);
      const result = stage ? inferStage(body, node, stage, input) : DYNAMIC;
      if (stage && !table.isAssignable(result, paramOfStage(body, stage)))
        body.error('E300', stage.span, `${printType(result)} cannot go through the stage again`);
      const until = options.get('until');
      if (until) requireVerdict(body, until.value, inferFunction(body, until.value, result));
      requireMax(body, node, options.get('max'));
      // It goes through at least once: what went in is never what comes out.
      return result;
    }
  }
}

function compound(body: Body, node: PipeExpr): void {
  body.effect(EFFECT.compound, node.span, `'${node.op}'`);
}

function requireVerdict(body: Body, expr: Expr, type: Type): void {
  if (!body.program.table.isAssignable(type, BOOL))
    body.error('E300', expr.span, `'until' has to give bool, found ${printType(type)}`);
}

function requireMax(body: Body, node: PipeExpr, max: FieldNode | undefined): void {
  if (!max) {
    const hint = "add ', max = 10'";
    body.error('E401', node.span, "'|~>' has no upper bound", { hint });
    return;
  }
  body.infer(max.value);
  const isGood = max.value.kind === 'int' && max.value.value > 0;
  if (!isGood && max.value.kind !== 'expr_error')
    body.error('E401', max.value.span, "'max' has to be a positive whole number");
}

/** A name, or a call whose first parameter the pipe fills. */
function inferStage(body: Body, node: PipeExpr, stage: Expr, input: Type): Type {
  if (stage.kind === 'expr_error') return body.infer(stage);
  const [callee, args] = stage.kind === 'call' ? [stage.callee, stage.args] : [stage, []];
  const head = stageHead(body, callee, stage);
  if (!head || isBroken(head)) {
    for (const { value } of args) body.infer(value);
    return body.program.setType(stage, DYNAMIC);
  }
  const [first, ...others] = head.params;
  const { kind, name } = head.declaration.node;
  if (!first) body.error('E301', stage.span, `a stage takes a value, and ${kind} '${name.text}' takes none`);
  else requireInput(body, node, stage, input, first.type);
  const rest: readonly Argument[] = args;
  checkPlainArgs(body, stage.span, `'${name.text}' after its first parameter`, others, rest);
  body.call(head.declaration.name, stage.span);
  return body.program.setType(stage, body.program.resultOf(head.declaration.name));
}

/** What a stage takes, whatever it is given first: a text that is written there, or an int where floats are taken. */
function paramOfStage(body: Body, stage: Expr): Type {
  const resolution = body.program.resolutionOf(stage);
  const head = resolution?.kind === 'callable' ? body.program.heads.get(resolution.name) : undefined;
  return head?.params[0]?.type ?? DYNAMIC;
}

function isBroken({ declaration }: CallableHead): boolean {
  return declaration.scope.isBroken(declaration.node.name.span.start);
}

function requireInput(body: Body, node: PipeExpr, stage: Expr, input: Type, param: Type): void {
  const { table } = body.program;
  if (table.isAssignable(input, param)) return;
  if (table.isNullable(input) && table.isAssignable(table.nonNull(input), param)) {
    reportNull(body, node.left, input);
    return;
  }
  const message = `the stage takes ${printType(param)}, and is given ${printType(input)}`;
  body.error('E300', stage.span, message);
}

function stageHead(body: Body, callee: Expr, stage: Expr): CallableHead | undefined {
  const { program } = body;
  const declaration =
    callee.kind === 'ref'
      ? callableNamed(body, callee.name)
      : callee.kind === 'field' && callee.object.kind === 'ref'
        ? namespaceMember(body, callee.object, callee.name.text)
        : undefined;
  program.setType(callee, DYNAMIC);
  if (declaration) {
    const resolution = { kind: 'callable', name: declaration.name } as const;
    program.setResolution(callee, resolution);
    program.setResolution(stage, resolution);
    return program.heads.get(declaration.name);
  }
  if (callee.kind === 'ref' && body.scope.missingNames.has(callee.name)) return undefined;
  const isName = callee.kind === 'ref';
  const message = isName
    ? `there is no flow or transformer '${callee.name}'`
    : 'a stage is the name of a flow or transformer';
  body.error('E203', callee.span, message, isName ? didYouMean(callee.name, visibleNames(body)) : {});
  return undefined;
}

function namespaceMember(
  body: Body,
  object: Expr & { readonly kind: 'ref' },
  name: string,
): ReturnType<typeof callableNamed> {
  const namespace = body.scope.names.get(object.name);
  if (namespace?.kind !== 'namespace') return undefined;
  body.program.usedDeclarations.add(namespace);
  body.program.setResolution(object, { kind: 'namespace', name: object.name });
  body.program.setType(object, DYNAMIC);
  const member = namespace.scope.names.get(name);
  const isUsable = member?.kind === 'callable' && isExported(member, namespace.scope);
  if (!isUsable) {
    const hint = didYouMean(name, exportedNames(namespace.scope));
    body.error('E203', object.span, `'${object.name}' has no public '${name}'`, hint);
    return undefined;
  }
  body.program.usedDeclarations.add(member);
  return member;
}

/** `merge` and `until`: a callable of one value, or a lambda. */
function inferFunction(body: Body, expr: Expr, input: Type): Type {
  if (expr.kind === 'lambda') return inferLambdaBody(body, expr, [input]);
  if (expr.kind === 'expr_error') return body.infer(expr);
  const head = stageHead(body, expr, expr);
  if (!head || isBroken(head)) return DYNAMIC;
  const [first, ...others] = head.params;
  const isUnary = first && others.every(({ initial }) => initial !== undefined);
  if (!isUnary) body.error('E301', expr.span, 'this has to take one value');
  else if (!body.program.table.isAssignable(input, first.type))
    body.error('E300', expr.span, `takes ${printType(first.type)}, and is given ${printType(input)}`);
  body.call(head.declaration.name, expr.span);
  return body.program.resultOf(head.declaration.name);
}
