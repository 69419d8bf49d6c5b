// Types of expressions. `expected` helps where an expression says too little by itself (`[]`, `{…}`, lambdas, texts that
// are one of several); whether the type fits there is asked by assignability.ts.
import type { Expr, ObjectExpr } from '../syntax/ast.ts';
import {
  arrayOf,
  BOOL,
  DATE,
  DATETIME,
  DURATION,
  DYNAMIC,
  enumOf,
  FLOAT,
  INT,
  NEVER,
  NULL,
  STRING,
} from '../types/construct.ts';
import type { ObjectField, Type } from '../types/type.ts';
import type { Body } from './body.ts';
import { inferCall, inferDynamicLambda } from './check-call.ts';
import { inferMatch } from './check-match.ts';
import { inferField, inferIndex } from './check-member.ts';
import { inferRef } from './check-name.ts';
import { inferBinary, inferUnary, requireBool } from './check-operator.ts';
import { inferPipe } from './check-pipe.ts';
import { assume } from './narrowing.ts';
import { didYouMean } from '../source/nearest.ts';

/** Deeper trees than the parser allows are not entered: the machine's stack ends somewhere. */
const DEPTH_MAX = 600;

export function inferExpr(body: Body, expr: Expr, expected?: Type): Type {
  if (body.program.depth > DEPTH_MAX) {
    body.error('E108', expr.span, 'nested too deeply');
    return DYNAMIC;
  }
  body.program.depth += 1;
  const type = inferKind(body, expr, expected);
  body.program.depth -= 1;
  return body.program.setType(expr, type);
}

function inferKind(body: Body, expr: Expr, expected: Type | undefined): Type {
  switch (expr.kind) {
    case 'int':
      return INT;
    case 'float':
      return FLOAT;
    case 'string':
      return { kind: 'literal', value: expr.value };
    case 'template':
      for (const part of expr.parts) if (typeof part !== 'string') body.infer(part);
      return STRING;
    case 'bool':
      return BOOL;
    case 'null':
      return NULL;
    case 'duration':
      return DURATION;
    case 'date':
      return DATE;
    case 'datetime':
      return DATETIME;
    case 'symbol':
      return enumOf([expr.name]);
    case 'uri':
      return inferUri(body, expr);
    case 'ref':
      return inferRef(body, expr);
    case 'field':
      return inferField(body, expr);
    case 'index':
      return inferIndex(body, expr);
    case 'call':
      return inferCall(body, expr);
    case 'lambda':
      inferDynamicLambda(body, expr);
      body.error('E300', expr.span, 'a lambda can only be given to a method that takes one');
      return DYNAMIC;
    case 'binary':
      return inferBinary(body, expr, expected);
    case 'unary':
      return inferUnary(body, expr);
    case 'list':
      return inferList(body, expr, expected);
    case 'object':
      return inferObject(body, expr, expected);
    case 'conditional':
      return inferConditional(body, expr, expected);
    case 'match_expr':
      return inferMatch(body, expr, expected);
    case 'pipe':
      return inferPipe(body, expr);
    case 'expr_error':
      return DYNAMIC;
  }
}

function inferUri(body: Body, expr: Expr & { readonly kind: 'uri' }): Type {
  const alias = expr.value.slice(0, expr.value.indexOf('://'));
  const { hasCore, plugins } = body.program.tables;
  if (plugins.has(alias)) body.program.usedPlugins.add(alias);
  else if (alias !== 'core' && hasCore) {
    body.error('E205', expr.span, `there is no plugin '${alias}'`, didYouMean(alias, plugins.keys()));
    return DYNAMIC;
  }
  return STRING;
}

function inferList(body: Body, expr: Expr & { readonly kind: 'list' }, expected: Type | undefined): Type {
  const { table } = body.program;
  const target = expected && table.expand(table.nonNull(expected));
  const itemExpected = target?.kind === 'array' ? target.item : undefined;
  let item: Type = NEVER;
  for (const each of expr.items) {
    const type = body.infer(each, itemExpected);
    // Without a reason to keep them apart, a list of texts is a list of any text.
    item = table.join(item, itemExpected || type.kind !== 'literal' ? type : STRING);
  }
  return arrayOf(item);
}

function inferObject(body: Body, expr: ObjectExpr, expected: Type | undefined): Type {
  const { table } = body.program;
  const target = expected && table.expand(table.nonNull(expected));
  const fields = new Map<string, ObjectField>();
  for (const { name, value } of expr.fields) {
    const wanted =
      target?.kind === 'object'
        ? table.fieldOf(target, name.text)?.type
        : target?.kind === 'map'
          ? target.value
          : undefined;
    if (fields.has(name.text)) body.error('E112', name.span, `field '${name.text}' is given twice`);
    fields.set(name.text, { name: name.text, type: body.infer(value, wanted) });
  }
  return { kind: 'object', fields: [...fields.values()] };
}

function inferConditional(
  body: Body,
  expr: Expr & { readonly kind: 'conditional' },
  expected: Type | undefined,
): Type {
  requireBool(body, expr.condition, body.infer(expr.condition));
  warnConstant(body, expr.condition);
  let then: Type = NEVER;
  let otherwise: Type = NEVER;
  const branches = [
    body.branch(() => {
      assume(body, expr.condition, true);
      then = body.infer(expr.then, expected);
    }),
    body.branch(() => {
      assume(body, expr.condition, false);
      otherwise = body.infer(expr.otherwise, expected);
    }),
  ];
  body.merge(branches);
  return body.program.table.join(then, otherwise);
}

export function warnConstant(body: Body, condition: Expr): void {
  if (condition.kind === 'bool') body.error('W404', condition.span, `always ${String(condition.value)}`);
}
