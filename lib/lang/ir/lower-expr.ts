// Expressions: what is pure stays an expression, what has an effect becomes statements before it, in the order of
// evaluation, whose result stands in a binding (the law of ir.ts). Where something is evaluated only sometimes (`&&`,
// `??`, conditionals, arms), its statements stand under an `if` or `match`.
import type { Resolution } from '../check/checked.ts';
import type { Argument, BinaryOp, Expr, MatchArm, Pattern, Stmt } from '../syntax/ast.ts';
import { constantOf } from '../check/constant.ts';
import { FUNCTION_SIGNATURES, HOST_SIGNATURES, METHOD_SIGNATURES } from '../types/signature.ts';
import type { Type } from '../types/type.ts';
import type { IRBindings, IRExpr, IRLambda, IROperands, IRPattern, IRStmt } from './ir.ts';
import { withLastValue } from './last-value.ts';
import { type LoweringBody, literal, NULL_LITERAL, ref } from './lower-context.ts';

type Of<Kind extends Expr['kind']> = Expr & { readonly kind: Kind };

export function isStatements(body: Expr | readonly Stmt[]): body is readonly Stmt[] {
  return !('kind' in body);
}

// ---- Effects ----

const EFFECT_KINDS: ReadonlySet<string> = new Set<Resolution['kind']>([
  'plugin_method',
  'callable',
  'host_function',
  'memory_op',
  'memory',
]);

/** Whether `expr` has to become statements. Inside of lambdas nothing has: the checker saw to it. */
export function hasEffect(body: LoweringBody, expr: Expr): boolean {
  const known = body.program.effects[expr.id];
  if (known !== undefined) return known;
  const found = findEffect(body, expr);
  body.program.effects[expr.id] = found;
  return found;
}

function hasSome(body: LoweringBody, exprs: readonly (Expr | string)[]): boolean {
  for (const each of exprs) if (typeof each !== 'string' && hasEffect(body, each)) return true;
  return false;
}

function hasSomeValue(body: LoweringBody, parts: readonly { readonly value: Expr }[]): boolean {
  for (const { value } of parts) if (hasEffect(body, value)) return true;
  return false;
}

function findEffect(body: LoweringBody, expr: Expr): boolean {
  switch (expr.kind) {
    case 'pipe':
      return true;
    case 'template':
      return hasSome(body, expr.parts);
    case 'field':
    case 'call': {
      const resolution = body.program.checked.resolutionOf(expr);
      if (resolution && EFFECT_KINDS.has(resolution.kind)) return true;
      if (resolution?.kind === 'reference_op' && resolution.op === 'search') return true;
      if (expr.kind === 'field') return hasEffect(body, expr.object);
      return hasEffect(body, expr.callee) || hasSomeValue(body, expr.args);
    }
    case 'index':
      return hasEffect(body, expr.object) || hasEffect(body, expr.index);
    case 'binary': {
      // Chains lean to the left and may be long.
      let at: Expr = expr;
      for (; at.kind === 'binary'; at = at.left) if (hasEffect(body, at.right)) return true;
      return hasEffect(body, at);
    }
    case 'unary':
      return hasEffect(body, expr.value);
    case 'list':
      return hasSome(body, expr.items);
    case 'object':
      return hasSomeValue(body, expr.fields);
    case 'conditional':
      return hasEffect(body, expr.condition) || hasEffect(body, expr.then) || hasEffect(body, expr.otherwise);
    case 'match_expr':
      return hasEffect(body, expr.subject) || expr.arms.some((arm) => isEffectArm(body, arm));
    default:
      return false;
  }
}

function isEffectArm(body: LoweringBody, { body: value, guard }: MatchArm): boolean {
  return isStatements(value) || hasEffect(body, value) || (guard !== undefined && hasEffect(body, guard));
}

// ---- Values ----

/** The value of `expr` as a pure expression; its effects are put into `out`. */
export function lowerValue(body: LoweringBody, expr: Expr, out: IRStmt[]): IRExpr {
  switch (expr.kind) {
    case 'int':
    case 'float':
    case 'string':
    case 'bool':
    case 'duration':
    case 'date':
    case 'datetime':
    case 'uri':
      return literal(expr.value);
    case 'null':
    case 'expr_error':
    case 'lambda':
      return NULL_LITERAL;
    case 'symbol':
      return { kind: 'symbol', name: expr.name };
    case 'template':
      return {
        kind: 'template',
        parts: expr.parts.map((part) => (typeof part === 'string' ? part : lowerValue(body, part, out))),
      };
    case 'ref':
      return ref(expr.name);
    case 'field':
      return lowerField(body, expr, out);
    case 'index':
      return {
        kind: 'index',
        object: lowerValue(body, expr.object, out),
        index: lowerValue(body, expr.index, out),
      };
    case 'call':
      return lowerCall(body, expr, out);
    case 'binary':
      return lowerBinary(body, expr, out);
    case 'unary': {
      const operands = expr.op === '!' ? 'bool' : numberKind(body.typeOf(expr.value));
      return { kind: 'unary', op: expr.op, operands, value: lowerValue(body, expr.value, out) };
    }
    case 'list':
      return { kind: 'list', items: expr.items.map((item) => lowerValue(body, item, out)) };
    case 'object':
      return {
        kind: 'object',
        fields: expr.fields.map(({ name, value }) => ({
          name: name.text,
          value: lowerValue(body, value, out),
        })),
      };
    case 'conditional':
      return lowerConditional(body, expr, out);
    case 'match_expr':
      return lowerMatch(body, expr, out);
    case 'pipe':
      return body.passes.pipe(body, expr, out);
  }
}

/** Of what is known to be pure: calls of own functions in it are pure calls. */
export function lowerPure(body: LoweringBody, expr: Expr): IRExpr {
  const hoisted: IRStmt[] = [];
  const value = lowerValue(body, expr, hoisted);
  return hoisted.length === 0 ? value : withPureCalls(value, hoisted);
}

export function lowerBindings(
  body: LoweringBody,
  fields: readonly { readonly name: { readonly text: string }; readonly value: Expr }[],
  out: IRStmt[],
): IRBindings {
  return Object.fromEntries(fields.map(({ name, value }) => [name.text, lowerValue(body, value, out)]));
}

function lowerField(body: LoweringBody, expr: Of<'field'>, out: IRStmt[]): IRExpr {
  const resolution = body.program.checked.resolutionOf(expr);
  switch (resolution?.kind) {
    case 'memory': {
      const result_binding = body.fresh();
      const { field } = resolution;
      out.push(body.stmt(expr.span, { kind: 'memory_op', op: 'read', field, args: [], result_binding }));
      return ref(result_binding);
    }
    case 'reference':
      return { kind: 'reference', field: resolution.field };
    case 'config':
      return { kind: 'config', name: resolution.name };
    case 'identity':
      return { kind: 'identity' };
    case 'property': {
      const receiver = lowerValue(body, expr.object, out);
      return { kind: 'method', on: resolution.on, name: resolution.name, receiver };
    }
    default:
      return { kind: 'field', object: lowerValue(body, expr.object, out), name: expr.name.text };
  }
}

// ---- Operators ----

function lowerBinary(body: LoweringBody, expr: Of<'binary'>, out: IRStmt[]): IRExpr {
  if (expr.left.kind !== 'binary') return lowerOperator(body, expr, lowerValue(body, expr.left, out), out);
  const chain: Of<'binary'>[] = [];
  let first: Expr = expr;
  for (; first.kind === 'binary'; first = first.left) chain.push(first);
  let left = lowerValue(body, first, out);
  for (let node = chain.pop(); node; node = chain.pop()) left = lowerOperator(body, node, left, out);
  return left;
}

function lowerOperator(body: LoweringBody, node: Of<'binary'>, left: IRExpr, out: IRStmt[]): IRExpr {
  const { op } = node;
  const isLazy = op === '&&' || op === '||' || op === '??';
  if (isLazy && hasEffect(body, node.right)) return lowerLazy(body, node, left, out);
  const right = lowerValue(body, node.right, out);
  const a = body.typeOf(node.left);
  const b = body.typeOf(node.right);
  const method = isTime(a) || isTime(b) ? timeMethod(op, primitive(a), primitive(b), left, right) : undefined;
  if (method) return method;
  return { kind: 'binary', op, operands: operandsOf(body, op, a, b), left, right };
}

/** The right side has effects, and is only looked at when the left one asks for it. */
function lowerLazy(body: LoweringBody, node: Of<'binary'>, left: IRExpr, out: IRStmt[]): IRExpr {
  const name = body.fresh();
  out.push(body.stmt(node.span, { kind: 'assign', target: { name }, value: left }));
  const then: IRStmt[] = [];
  const right = lowerValue(body, node.right, then);
  then.push(body.stmt(node.right.span, { kind: 'assign', target: { name }, value: right }));
  const condition: IRExpr =
    node.op === '&&'
      ? ref(name)
      : node.op === '||'
        ? { kind: 'unary', op: '!', operands: 'bool', value: ref(name) }
        : { kind: 'binary', op: '==', operands: 'any', left: ref(name), right: NULL_LITERAL };
  out.push(body.stmt(node.span, { kind: 'if', condition, then }));
  return ref(name);
}

function primitive(type: Type): string {
  return type.kind === 'primitive' ? type.name : type.kind;
}

function isTime(type: Type): boolean {
  return type.kind === 'primitive' && (type.name === 'datetime' || type.name === 'date');
}

/** Arithmetic of dates and times is done by methods of the standard library. */
function timeMethod(op: BinaryOp, a: string, b: string, left: IRExpr, right: IRExpr): IRExpr | undefined {
  const method = (on: string, name: string, receiver: IRExpr, arg: IRExpr): IRExpr => ({
    kind: 'method',
    on,
    name,
    receiver,
    args: [arg],
  });
  const negative: IRExpr = { kind: 'unary', op: '-', operands: 'int', value: right };
  switch (`${a} ${op} ${b}`) {
    case 'datetime + duration':
      return method('datetime', 'plus', left, right);
    case 'duration + datetime':
      return method('datetime', 'plus', right, left);
    case 'datetime - duration':
      return method('datetime', 'minus', left, right);
    case 'datetime - datetime':
      return method('datetime', 'since', left, right);
    case 'date + int':
      return method('date', 'plus_days', left, right);
    case 'date - int':
      return method('date', 'plus_days', left, negative);
    case 'date - date':
      return method('date', 'days_until', right, left);
    default:
      return undefined;
  }
}

function operandsOf(body: LoweringBody, op: BinaryOp, a: Type, b: Type): IROperands {
  const { table } = body.program;
  switch (op) {
    case '&&':
    case '||':
      return 'bool';
    case '??':
      return 'any';
    case '==':
    case '!=':
      return sameKind(body, a, b) ?? 'any';
    case 'in':
      if (b.kind === 'array') return 'array';
      if (b.kind === 'map' || b.kind === 'object') return 'map';
      return table.isStringLike(b) ? 'string' : 'dynamic';
    default:
      if (a.kind === 'array' && b.kind === 'array') return 'array';
      if (isText(body, a) && isText(body, b)) return 'string';
      return arithmeticKind(primitive(a), primitive(b), op);
  }
}

/** Of operands that are compared without a look at their structure. */
function sameKind(body: LoweringBody, a: Type, b: Type): IROperands | undefined {
  if (isText(body, a) && isText(body, b)) return 'string';
  const left = primitive(a);
  const right = primitive(b);
  if (left === 'bool' && right === 'bool') return 'bool';
  const isNumbers = NUMBERS.has(left) && NUMBERS.has(right);
  return isNumbers ? 'float' : undefined;
}

const NUMBERS: ReadonlySet<string> = new Set(['int', 'float', 'money', 'duration']);

/** Dates are text that sorts. */
function isText(body: LoweringBody, type: Type): boolean {
  if (type.kind === 'primitive' && (type.name === 'date' || type.name === 'datetime')) return true;
  return type.kind === 'enum' || body.program.table.isStringLike(type);
}

function arithmeticKind(a: string, b: string, op: BinaryOp): IROperands {
  if (!NUMBERS.has(a) || !NUMBERS.has(b)) return 'dynamic';
  if (a === 'duration' || b === 'duration') return op === '/' && a === b ? 'float' : 'duration';
  if (a === 'money' || b === 'money') return op === '/' && a === b ? 'float' : 'money';
  return a === 'int' && b === 'int' ? 'int' : 'float';
}

function numberKind(type: Type): IROperands {
  const name = primitive(type);
  return name === 'int' || name === 'float' || name === 'money' || name === 'duration' ? name : 'dynamic';
}

// ---- Choices ----

function lowerConditional(body: LoweringBody, expr: Of<'conditional'>, out: IRStmt[]): IRExpr {
  const condition = lowerValue(body, expr.condition, out);
  if (!hasEffect(body, expr.then) && !hasEffect(body, expr.otherwise))
    return {
      kind: 'conditional',
      condition,
      then: lowerPure(body, expr.then),
      otherwise: lowerPure(body, expr.otherwise),
    };
  const name = body.fresh();
  const side = (value: Expr): IRStmt[] => {
    const stmts: IRStmt[] = [];
    assignInto(body, name, value, stmts);
    return stmts;
  };
  const then = side(expr.then);
  out.push(body.stmt(expr.span, { kind: 'if', condition, then, otherwise: side(expr.otherwise) }));
  return ref(name);
}

export function assignInto(body: LoweringBody, name: string, value: Expr, out: IRStmt[]): void {
  const lowered = lowerValue(body, value, out);
  out.push(body.stmt(value.span, { kind: 'assign', target: { name }, value: lowered }));
}

function lowerMatch(body: LoweringBody, expr: Of<'match_expr'>, out: IRStmt[]): IRExpr {
  const subject = lowerValue(body, expr.subject, out);
  if (!expr.arms.some((arm) => isEffectArm(body, arm))) {
    const arms = expr.arms.map(({ pattern, guard, body: value }) => ({
      pattern: lowerPattern(pattern),
      ...(guard && { guard: lowerPure(body, guard) }),
      value: isStatements(value) ? NULL_LITERAL : lowerPure(body, value),
    }));
    return { kind: 'match', subject, arms };
  }
  const name = body.fresh();
  const arms = expr.arms.map(({ pattern, guard, body: value }) => {
    const stmts: IRStmt[] = [];
    if (isStatements(value))
      body.passes.statements(body, withLastValue({ text: name, span: expr.span }, value), stmts);
    else assignInto(body, name, value, stmts);
    return {
      pattern: lowerPattern(pattern),
      ...(guard && { guard: lowerPure(body, guard) }),
      body: stmts,
    };
  });
  out.push(body.stmt(expr.span, { kind: 'match', subject, arms }));
  return ref(name);
}

export function lowerPattern(pattern: Pattern): IRPattern {
  switch (pattern.kind) {
    case 'pattern_literal':
      return { kind: 'literal', value: constantOf(pattern.value) ?? null };
    case 'pattern_symbol':
      return { kind: 'literal', value: pattern.name };
    case 'pattern_any':
      return { kind: 'any' };
    case 'pattern_or':
      return { kind: 'or', options: pattern.options.map(lowerPattern) };
    case 'pattern_object':
      return {
        kind: 'object',
        fields: pattern.fields.map(({ name, pattern: inner }) => ({
          name: name.text,
          ...(inner && { pattern: lowerPattern(inner) }),
        })),
      };
  }
}

// ---- Calls ----

function lowerCall(body: LoweringBody, expr: Of<'call'>, out: IRStmt[]): IRExpr {
  const resolution = body.program.checked.resolutionOf(expr);
  const { args, span } = expr;
  switch (resolution?.kind) {
    case 'callable':
      return lowerCallable(body, expr, resolution.name, [], out);
    case 'plugin_method': {
      const named = args.filter(({ name }) => name !== undefined);
      const result_binding = body.fresh();
      const positional = args.filter(({ name }) => name === undefined);
      const lowered = positional.map(({ value }) => lowerValue(body, value, out));
      const stmt: IRStmt = {
        kind: 'plugin_call',
        plugin: resolution.alias,
        method: resolution.method,
        args: lowered,
        ...(named.length > 0 && { named_args: namedArgs(body, named, out) }),
        result_binding,
      };
      out.push(body.stmt(span, stmt));
      return ref(result_binding);
    }
    case 'host_function': {
      const params = HOST_SIGNATURES.get(resolution.name)?.params ?? [];
      const lowered = trimmed(orderedArgs(body, params, args, out)).map((arg) => arg ?? NULL_LITERAL);
      const result_binding = body.fresh();
      out.push(body.stmt(span, { kind: 'host_call', name: resolution.name, args: lowered, result_binding }));
      return ref(result_binding);
    }
    case 'memory_op':
      return lowerMemoryOp(body, expr, resolution, out);
    case 'reference_op':
      return lowerReferenceOp(body, expr, resolution, out);
    case 'function': {
      const params = FUNCTION_SIGNATURES.get(resolution.name)?.params ?? [];
      const lowered = trimmed(orderedArgs(body, params, args, out)).map((arg) => arg ?? NULL_LITERAL);
      return { kind: 'call', function: resolution.name, args: lowered };
    }
    case 'method':
      return lowerMethod(body, expr, resolution, out);
    default:
      return { kind: 'call', function: 'fail', args: [literal('this value cannot be called')] };
  }
}

function namedArgs(body: LoweringBody, args: readonly Argument[], out: IRStmt[]): IRBindings {
  return Object.fromEntries(args.map(({ name, value }) => [name?.text ?? '', lowerValue(body, value, out)]));
}

/** By parameter, in the order of evaluation of the source; absent ones are null. */
function orderedArgs(
  body: LoweringBody,
  params: readonly { readonly name: string }[],
  args: readonly Argument[],
  out: IRStmt[],
): (IRExpr | null)[] {
  const ordered: (IRExpr | null)[] = params.map(() => null);
  let position = 0;
  for (const { name, value } of args) {
    const index = name ? params.findIndex((param) => param.name === name.text) : position++;
    if (index >= 0) ordered[index] = lowerValue(body, value, out);
  }
  return ordered;
}

function trimmed<T>(args: readonly (T | null)[]): readonly (T | null)[] {
  let length = args.length;
  while (length > 0 && args[length - 1] === null) length -= 1;
  return length === args.length ? args : args.slice(0, length);
}

/** A call of a flow or function of the module; `first` are values that come before the arguments. */
export function lowerCallable(
  body: LoweringBody,
  expr: Expr,
  flow: string,
  first: readonly IRExpr[],
  out: IRStmt[],
): IRExpr {
  const params = body.program.checked.callables.get(flow)?.params ?? [];
  const args = expr.kind === 'call' ? expr.args : [];
  const rest = orderedArgs(body, params.slice(first.length), args, out);
  const result_binding = body.fresh();
  const all = trimmed([...first, ...rest]);
  out.push(body.stmt(expr.span, { kind: 'flow_call', flow, args: all, result_binding }));
  return ref(result_binding);
}

function lowerMemoryOp(
  body: LoweringBody,
  expr: Of<'call'>,
  { field, op }: Resolution & { readonly kind: 'memory_op' },
  out: IRStmt[],
): IRExpr {
  const names = op === 'list' ? LIST_PARAMS : op === 'search' ? SEARCH_PARAMS : MEMORY_PARAMS[op];
  const ordered = orderedArgs(body, names ?? [], expr.args, out);
  const result_binding = body.fresh();
  const isNamed = op === 'list' || op === 'search';
  const stmt: IRStmt = isNamed
    ? { kind: 'memory_op', op, field, args: [], named_args: byName(names ?? [], ordered), result_binding }
    : { kind: 'memory_op', op, field, args: ordered.map((arg) => arg ?? NULL_LITERAL), result_binding };
  out.push(body.stmt(expr.span, stmt));
  return ref(result_binding);
}

type Params = readonly { readonly name: string }[];
const KEY: Params = [{ name: 'key' }];
const KEY_VALUE: Params = [{ name: 'key' }, { name: 'value' }];
const LIST_PARAMS: Params = [{ name: 'prefix' }, { name: 'limit' }, { name: 'order' }];
const SEARCH_PARAMS: Params = [{ name: 'query' }, { name: 'limit' }, { name: 'min_similarity' }];
const MEMORY_PARAMS: Readonly<Record<string, Params>> = {
  get: KEY,
  delete: KEY,
  set: KEY_VALUE,
  update: KEY_VALUE,
  add: [{ name: 'value' }],
  last: [{ name: 'count' }],
};

function byName(params: Params, ordered: readonly (IRExpr | null)[]): IRBindings {
  const named: Record<string, IRExpr> = {};
  for (const [index, { name }] of params.entries()) {
    const value = ordered[index];
    if (value) named[name] = value;
  }
  return named;
}

function lowerReferenceOp(
  body: LoweringBody,
  expr: Of<'call'>,
  { field, op }: Resolution & { readonly kind: 'reference_op' },
  out: IRStmt[],
): IRExpr {
  if (op === 'get') {
    const args = orderedArgs(body, KEY, expr.args, out);
    return { kind: 'method', on: 'map', name: 'get', receiver: { kind: 'reference', field }, args };
  }
  const named_args = byName(SEARCH_PARAMS, orderedArgs(body, SEARCH_PARAMS, expr.args, out));
  const result_binding = body.fresh();
  out.push(body.stmt(expr.span, { kind: 'reference_search', field, named_args, result_binding }));
  return ref(result_binding);
}

function lowerMethod(
  body: LoweringBody,
  expr: Of<'call'>,
  { on, name }: Resolution & { readonly kind: 'method' },
  out: IRStmt[],
): IRExpr {
  const { callee, args } = expr;
  const receiver = callee.kind === 'field' ? lowerValue(body, callee.object, out) : NULL_LITERAL;
  const params =
    METHOD_SIGNATURES.get(on)?.get(name)?.params ?? args.map((_arg, index) => ({ name: `${index}` }));
  const ordered: (IRExpr | IRLambda | null)[] = params.map(() => null);
  let position = 0;
  for (const { name: given, value } of args) {
    const index = given ? params.findIndex((param) => param.name === given.text) : position++;
    if (index >= 0) ordered[index] = lowerArgument(body, value, out);
  }
  return { kind: 'method', on, name, receiver, args: trimmed(ordered) };
}

function lowerArgument(body: LoweringBody, value: Expr, out: IRStmt[]): IRExpr | IRLambda {
  if (value.kind === 'lambda') return lowerLambda(body, value);
  const resolution = value.kind === 'ref' ? body.program.checked.resolutionOf(value) : undefined;
  if (resolution?.kind !== 'callable') return lowerValue(body, value, out);
  return {
    kind: 'lambda',
    params: ['$x'],
    body: { kind: 'pure_call', flow: resolution.name, args: [ref('$x')] },
  };
}

/** Calls of own functions inside are pure calls: the checker saw to it that they are. */
export function lowerLambda(body: LoweringBody, lambda: Of<'lambda'>): IRLambda {
  return {
    kind: 'lambda',
    params: lambda.params.map(({ text }) => text),
    body: lowerPure(body, lambda.body),
  };
}

/** Puts hoisted calls back into the expression that uses them. */
function withPureCalls(value: IRExpr, hoisted: readonly IRStmt[]): IRExpr {
  const calls = new Map<string, IRExpr>();
  const replace = (node: unknown): unknown => {
    if (typeof node !== 'object' || node === null) return node;
    if (Array.isArray(node)) return node.map(replace);
    const { kind, name } = node as { readonly kind?: unknown; readonly name?: unknown };
    if (kind === 'ref' && typeof name === 'string') return calls.get(name) ?? node;
    return Object.fromEntries(Object.entries(node).map(([key, each]) => [key, replace(each)]));
  };
  for (const stmt of hoisted) foldStatement(stmt, calls, replace);
  return replace(value) as IRExpr;
}

/** Only what lowering itself makes of pure code: calls, choices between them, and bindings. */
function foldStatement(stmt: IRStmt, calls: Map<string, IRExpr>, replace: (node: unknown) => unknown): void {
  if (stmt.kind === 'flow_call' && stmt.result_binding !== undefined)
    calls.set(stmt.result_binding, {
      kind: 'pure_call',
      flow: stmt.flow,
      args: replace(stmt.args) as readonly (IRExpr | null)[],
    });
  else if (stmt.kind === 'assign') calls.set(stmt.target.name, replace(stmt.value) as IRExpr);
  else if (stmt.kind === 'if') {
    const condition = replace(stmt.condition) as IRExpr;
    const before = new Map(calls);
    for (const each of stmt.then) foldStatement(each, calls, replace);
    const then = new Map(calls);
    for (const [name, value] of before) calls.set(name, value);
    for (const each of stmt.otherwise ?? []) foldStatement(each, calls, replace);
    for (const [name, value] of then) {
      const otherwise = calls.get(name);
      if (otherwise && otherwise !== value)
        calls.set(name, { kind: 'conditional', condition, then: value, otherwise });
    }
  }
}
