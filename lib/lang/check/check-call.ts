// Calls: what is called, whether its arguments fit, what it may do (E203, E301, E303).
import type { Expr } from '../syntax/ast.ts';
import { DYNAMIC, NEVER } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import { FUNCTION_SIGNATURES, HOST_SIGNATURES, LIBRARIES, type Signature } from '../types/signature.ts';
import type { Type } from '../types/type.ts';
import { TypeArguments } from '../types/type-arguments.ts';
import { reportNull } from './assignability.ts';
import type { Body } from './body.ts';
import { checkPlainArgs, checkSignatureArgs } from './check-args.ts';
import { findMember, memberHint } from './check-member.ts';
import { callableNamed, isVariable, usePlugin, visibleNames } from './check-name.ts';
import type { Resolution } from './checked.ts';
import { exportedNames, isExported } from './declarations.ts';
import { EFFECT } from './effects.ts';
import { memoryOp, referenceOp } from './memory-ops.ts';
import { didYouMean, meantOrNear } from '../source/nearest.ts';
import { FUNCTION_WORDS } from './other-languages.ts';

type CallExpr = Expr & { readonly kind: 'call' };
type FieldExpr = Expr & { readonly kind: 'field' };
type RefExpr = Expr & { readonly kind: 'ref' };

export function inferCall(body: Body, expr: CallExpr): Type {
  const { callee } = expr;
  if (callee.kind === 'ref') return callNamed(body, expr, callee);
  if (callee.kind === 'field') return callMember(body, expr, callee);
  if (callee.kind === 'uri') return callUri(body, expr, callee);
  return callValue(body, expr, body.infer(callee));
}

function resolve(body: Body, expr: CallExpr, resolution: Resolution): void {
  body.program.setResolution(expr, resolution);
  body.program.setResolution(expr.callee, resolution);
  body.program.setType(expr.callee, DYNAMIC);
}

function inferArgs(body: Body, expr: CallExpr): Type {
  for (const { value } of expr.args) body.infer(value);
  return DYNAMIC;
}

function callNamed(body: Body, expr: CallExpr, callee: RefExpr): Type {
  const { name } = callee;
  const callable = callableNamed(body, name);
  if (callable) return callCallable(body, expr, callable.name, name);
  if (isVariable(body, name)) return callValue(body, expr, body.infer(callee));
  const pure = FUNCTION_SIGNATURES.get(name);
  if (pure && !LIBRARIES.has(name)) return callFunction(body, expr, name, pure);
  const host = HOST_SIGNATURES.get(name);
  if (host) {
    resolve(body, expr, { kind: 'host_function', name });
    body.effect(EFFECT.nondeterministic, expr.span, `'${name}'`);
    return checkSignatureArgs(body, expr, `'${name}'`, host, new TypeArguments());
  }
  if (!body.scope.missingNames.has(name)) {
    const known = [...visibleNames(body), ...FUNCTION_SIGNATURES.names, ...HOST_SIGNATURES.names];
    const hint = meantOrNear(name, known, FUNCTION_WORDS);
    body.error('E203', callee.span, `there is no flow or function '${name}'`, hint);
  }
  body.program.setType(callee, DYNAMIC);
  return inferArgs(body, expr);
}

function callFunction(body: Body, expr: CallExpr, name: string, signature: Signature): Type {
  resolve(body, expr, { kind: 'function', name });
  const result = checkSignatureArgs(body, expr, `'${name}'`, signature, new TypeArguments());
  if (name.startsWith('math.') && !isNumberLike(body, result))
    body.error('E300', expr.span, `'${name}' needs numbers, found ${printType(result)}`);
  return result;
}

function isNumberLike(body: Body, type: Type): boolean {
  if (type.kind === 'dynamic' || type.kind === 'never' || body.program.table.isNumeric(type)) return true;
  const whole = body.program.table.expand(type);
  return whole.kind === 'primitive' && (whole.name === 'duration' || whole.name.startsWith('date'));
}

export function callCallable(body: Body, expr: CallExpr, unique: string, written: string): Type {
  resolve(body, expr, { kind: 'callable', name: unique });
  const head = body.program.heads.get(unique);
  if (!head) return inferArgs(body, expr);
  const { node, scope } = head.declaration;
  if (scope.isBroken(node.name.span.start)) {
    inferArgs(body, expr);
    return head.result ?? DYNAMIC;
  }
  checkPlainArgs(body, expr.span, `'${written}'`, head.params, expr.args);
  body.call(unique, expr.span);
  return body.program.resultOf(unique);
}

function callMember(body: Body, expr: CallExpr, callee: FieldExpr): Type {
  const { object } = callee;
  const root = object.kind === 'ref' && !isVariable(body, object.name) ? object : undefined;
  if (root) {
    const type = callOfRoot(body, expr, callee, root);
    if (type) return type;
  }
  return callFieldOp(body, expr, callee) ?? callMethod(body, expr, callee);
}

/** `plugin.method()`, `ns.flow()`, `math.abs()`; undefined if the name in front is none of these. */
function callOfRoot(body: Body, expr: CallExpr, callee: FieldExpr, root: RefExpr): Type | undefined {
  const { text: name } = callee.name;
  if (body.program.tables.plugins.has(root.name)) return callPlugin(body, expr, callee, root);
  const declaration = body.scope.names.get(root.name);
  if (declaration?.kind === 'namespace') {
    body.program.usedDeclarations.add(declaration);
    body.program.setType(root, DYNAMIC);
    body.program.setResolution(root, { kind: 'namespace', name: root.name });
    const member = declaration.scope.names.get(name);
    if (member?.kind === 'callable' && isExported(member, declaration.scope)) {
      body.program.usedDeclarations.add(member);
      return callCallable(body, expr, member.name, `${root.name}.${name}`);
    }
    const hint = didYouMean(name, exportedNames(declaration.scope));
    body.error('E203', callee.name.span, `'${root.name}' has no public '${name}'`, hint);
    return inferArgs(body, expr);
  }
  if (!LIBRARIES.has(root.name)) return undefined;
  body.program.setType(root, DYNAMIC);
  body.program.setResolution(root, { kind: 'library', name: root.name });
  const full = `${root.name}.${name}`;
  const signature = FUNCTION_SIGNATURES.get(full);
  if (signature) return callFunction(body, expr, full, signature);
  const known = [...FUNCTION_SIGNATURES.names];
  body.error('E203', callee.name.span, `there is no function '${full}'`, didYouMean(full, known));
  return inferArgs(body, expr);
}

function callPlugin(body: Body, expr: CallExpr, callee: FieldExpr, root: RefExpr): Type {
  const { text: method, span } = callee.name;
  const alias = root.name;
  usePlugin(body, root, alias);
  body.program.setType(root, DYNAMIC);
  resolve(body, expr, { kind: 'plugin_method', alias, method });
  body.effect(EFFECT.plugin, expr.span, `a call of plugin '${alias}'`);
  const methods = body.program.tables.plugins.get(alias)?.interface?.methods;
  if (!methods) return inferArgs(body, expr);
  const signature = methods.get(method);
  if (!signature) {
    const message = `the interface of '${alias}' has no method '${method}'`;
    body.error('E303', span, message, didYouMean(method, methods.keys()));
    return inferArgs(body, expr);
  }
  checkPlainArgs(body, expr.span, `'${alias}.${method}'`, signature.params, expr.args);
  return signature.result;
}

/** `reference.f.set(…)` would be the method of maps, which gives a new one: nobody who writes this means that. */
function refuseWrite(body: Body, expr: CallExpr, callee: FieldExpr, type: Type): Type | undefined {
  const { text, span } = callee.name;
  const wanted = memoryOp(type, text);
  if (!wanted || (wanted.effect & EFFECT.memoryWrite) === 0) return undefined;
  body.error('E307', span, 'reference can only be read', { hint: 'put it into a variable to change a copy' });
  return inferArgs(body, expr);
}

/** `memory.f.set(…)`, `reference.f.get(…)`; undefined for methods of what is stored there. */
function callFieldOp(body: Body, expr: CallExpr, callee: FieldExpr): Type | undefined {
  const { object } = callee;
  if (object.kind !== 'field' || object.object.kind !== 'ref') return undefined;
  const root = object.object;
  const isMemory = root.name === 'memory';
  if ((!isMemory && root.name !== 'reference') || isVariable(body, root.name)) return undefined;
  const field = body.program.tables[isMemory ? 'memory' : 'reference'].get(object.name.text);
  const type = field && body.program.table.expand(field.type);
  if (!type) return undefined;
  const found = isMemory ? memoryOp(type, callee.name.text) : referenceOp(type, callee.name.text);
  if (!found) return isMemory ? undefined : refuseWrite(body, expr, callee, type);
  body.program.setType(root, DYNAMIC);
  body.program.setResolution(root, { kind: isMemory ? 'memory_root' : 'reference_root' });
  body.program.setType(object, type);
  const name = object.name.text;
  body.program.setResolution(
    object,
    isMemory ? { kind: 'memory', field: name } : { kind: 'reference', field: name },
  );
  if (isMemory) resolve(body, expr, { kind: 'memory_op', field: name, op: found.op });
  else resolve(body, expr, { kind: 'reference_op', field: name, op: found.op === 'get' ? 'get' : 'search' });
  const what = `'${root.name}.${name}.${found.op}'`;
  if (found.effect !== 0) body.effect(found.effect, expr.span, what);
  const known =
    type.kind === 'map'
      ? new TypeArguments({ K: type.key, V: type.value })
      : new TypeArguments(type.kind === 'array' ? { T: type.item } : {});
  const result = checkSignatureArgs(body, expr, what, found.signature, known);
  if (found.op === 'update' && type.kind === 'map') checkUpdate(body, expr, type.value);
  return result;
}

/** The value of `update` is a whole one, or the fields of it that change. */
function checkUpdate(body: Body, expr: CallExpr, value: Type): void {
  const { table } = body.program;
  const given = expr.args.find(({ name }, index) => (name ? name.text === 'value' : index === 1))?.value;
  if (!given) return;
  const type = table.expand(body.program.typeOf(given));
  const whole = table.expand(value);
  const isPart =
    type.kind === 'object' &&
    whole.kind === 'object' &&
    type.fields.every((field) => {
      const target = table.fieldOf(whole, field.name);
      return target !== undefined && table.isAssignable(field.type, target.type);
    });
  if (!isPart && !table.isAssignable(type, value))
    body.error('E300', given.span, `expected ${printType(value)} or fields of it, found ${printType(type)}`);
}

function callMethod(body: Body, expr: CallExpr, callee: FieldExpr): Type {
  const { table } = body.program;
  const { object, name } = callee;
  const type = body.infer(object);
  let whole = table.expand(type);
  if (table.isNullable(whole)) {
    reportNull(body, object, type);
    whole = table.expand(table.nonNull(whole));
  }
  if (whole.kind === 'dynamic' || whole.kind === 'never') {
    resolve(body, expr, { kind: 'method', on: 'dynamic', name: name.text });
    return inferDynamicArgs(body, expr);
  }
  const found = findMember(body, whole, name.text);
  if (!found?.signature.params) {
    reportNoMethod(body, callee, whole, found !== undefined);
    resolve(body, expr, { kind: 'method', on: 'dynamic', name: name.text });
    return inferDynamicArgs(body, expr);
  }
  resolve(body, expr, { kind: 'method', on: found.on, name: name.text });
  const { known } = found;
  if (whole.kind === 'array') prepareArrayMethod(body, expr, name.text, whole.item, known);
  const result = checkSignatureArgs(body, expr, `'${name.text}'`, found.signature, known);
  const isSum = name.text === 'sum' && whole.kind === 'array';
  if (isSum && !isNumberLike(body, result))
    body.error('E300', expr.span, `'sum' needs numbers, found ${printType(result)}`);
  return result;
}

/** Where the result depends on something that signatures cannot say. */
function prepareArrayMethod(
  body: Body,
  expr: CallExpr,
  name: string,
  item: Type,
  known: TypeArguments,
): void {
  if (name === 'sum' && expr.args.length === 0) known.set('U', item);
  if (name !== 'flatten') return;
  const whole = body.program.table.expand(item);
  if (whole.kind === 'array') known.set('U', whole);
  else if (whole.kind !== 'dynamic' && whole.kind !== 'never')
    body.error('E300', expr.span, `'flatten' needs a list of lists, found a list of ${printType(item)}`);
}

function inferDynamicArgs(body: Body, expr: CallExpr): Type {
  for (const { value } of expr.args)
    if (value.kind === 'lambda') inferDynamicLambda(body, value);
    else body.infer(value);
  return DYNAMIC;
}

export function inferDynamicLambda(body: Body, lambda: Expr & { readonly kind: 'lambda' }): void {
  body.program.setType(lambda, DYNAMIC);
  const bindings = lambda.params.map((name) => ({ name, type: DYNAMIC, kind: 'lambda_param' as const }));
  body.inPurePlace('a lambda', () => body.withBindings(bindings, () => body.infer(lambda.body)));
}

function reportNoMethod(body: Body, callee: FieldExpr, type: Type, isProperty: boolean): void {
  const { text, span } = callee.name;
  if (isProperty) {
    const hint = 'leave out the parentheses';
    body.error('E303', span, `'${text}' of ${printType(type)} is a property`, { hint });
    return;
  }
  const message = `${printType(type)} has no method '${text}'`;
  const isKept = callee.object.kind === 'field' && callee.object.object.kind === 'ref';
  const isMemory = isKept && callee.object.object.name === 'memory';
  const isAppend = text === 'append' && type.kind === 'array';
  const add = isMemory ? "write 'add'" : 'write xs = xs.push(item)';
  body.error('E303', span, message, isAppend ? { hint: add } : memberHint(body, type, text));
}

/** `files://read(x)`: a URI is text, and what was meant is a call of the plugin. */
function callUri(body: Body, expr: CallExpr, callee: Expr & { readonly kind: 'uri' }): Type {
  const type = body.infer(callee);
  resolve(body, expr, { kind: 'dynamic_call' });
  // Of an unknown plugin that was said.
  if (type.kind === 'dynamic') return inferDynamicArgs(body, expr);
  const hint = `a method of a plugin is called with a dot: ${callee.value.replace('://', '.')}(…)`;
  body.error('E301', callee.span, 'a URI cannot be called', { hint });
  return inferDynamicArgs(body, expr);
}

function callValue(body: Body, expr: CallExpr, type: Type): Type {
  resolve(body, expr, { kind: 'dynamic_call' });
  if (type.kind !== 'dynamic' && type.kind !== NEVER.kind)
    body.error('E301', expr.callee.span, `${printType(type)} cannot be called`);
  return inferDynamicArgs(body, expr);
}
