// Expressions as closures over the slots. They are pure, so their parts may be run in any order that gives the same value;
// constants are worked out once.
import { unreachable } from '../../base/assert.ts';
import type { IRExpr, IRLambda, JsonValue } from '../ir/ir.ts';
import { boolOf } from './arithmetic.ts';
import { type Code, constantCode, folded, sharingCode, slotCode } from './code.ts';
import { binaryCode, unaryEx } from './compile-binary.ts';
import { compilePattern } from './compile-pattern.ts';
import { ScaiCoreError } from './errors.ts';
import { type Execution, executionOf } from './execution.ts';
import type { FlowNames } from './names.ts';
import { functionNamed, methodNamed, propertyOf } from './stdlib/index.ts';
import type { StdArg } from './stdlib/std.ts';
import {
  boundText,
  type Ex,
  fieldOf,
  indexOf,
  isList,
  isObject,
  type MutableObject,
  putField,
  toText,
  wrongKind,
} from './values.ts';

/** Runs a flow that never waits; an absent argument is undefined. */
export type SyncCall = (execution: Execution, args: readonly (JsonValue | undefined)[]) => JsonValue;

export interface ExprContext {
  readonly names: FlowNames;
  /** Of a flow or function that never waits. */
  syncCall(flow: string): SyncCall;
  /** `core.identity`. */
  readonly identity: JsonValue;
}

export function compileEx(expr: IRExpr, context: ExprContext): Ex {
  return compileExpr(expr, context).run;
}

export function compileExpr(expr: IRExpr, context: ExprContext): Code {
  switch (expr.kind) {
    case 'literal':
      return constantCode(expr.value);
    case 'symbol':
      return constantCode(expr.name);
    case 'ref':
      return refCode(expr, context);
    case 'config':
      return { run: (s) => executionOf(s).config(expr.name) };
    case 'reference':
      return { run: (s) => executionOf(s).reference(expr.field) };
    case 'identity':
      return constantCode(context.identity);
    case 'field':
      return fieldCode(expr, context);
    case 'index':
      return indexCode(expr, context);
    case 'call':
      return callCode(expr, context);
    case 'pure_call':
      return pureCallCode(expr, context);
    case 'method':
      return methodCode(expr, context);
    case 'binary':
      return binaryCode(expr, compileExpr(expr.left, context), compileExpr(expr.right, context));
    case 'unary': {
      const value = compileExpr(expr.value, context);
      return folded(unaryEx(expr.op, value.run), [value]);
    }
    case 'list':
      return listCode(expr, context);
    case 'object':
      return objectCode(expr, context);
    case 'template':
      return templateCode(expr, context);
    case 'conditional':
      return conditionalCode(expr, context);
    case 'match':
      return matchCode(expr, context);
    default:
      return unreachable(expr);
  }
}

function refCode({ name }: Of<'ref'>, { names }: ExprContext): Code {
  const slot = names.slotOf(name);
  const owner = names.ownerOf(slot);
  return owner === undefined ? slotCode(slot) : sharingCode(slot, owner);
}

/** For reads of a part, which do not give the value itself to anybody. */
function peeked(expr: IRExpr, context: ExprContext): Code {
  return expr.kind === 'ref' ? slotCode(context.names.slotOf(expr.name)) : compileExpr(expr, context);
}

/** Methods whose result never is, or holds, the list or map that they are called of. */
const PEEKING: ReadonlySet<string> = new Set(
  'length first last is_empty find find_index any all none count sum avg contains index_of join get has keys'.split(
    ' ',
  ),
);

type Of<Kind extends IRExpr['kind']> = IRExpr & { readonly kind: Kind };

function fieldCode({ object, name }: Of<'field'>, context: ExprContext): Code {
  const inner = peeked(object, context);
  const { run, slot } = inner;
  if (slot !== undefined)
    return {
      run: (s) => {
        const value = s[slot] as JsonValue;
        if (isObject(value) && Object.hasOwn(value, name)) return value[name] as JsonValue;
        return memberOf(value, name);
      },
    };
  return folded((s) => memberOf(run(s), name), [inner]);
}

/** A field; of lists and texts, which have none, the property of that name: the value may be a plugin's. */
function memberOf(value: JsonValue, name: string): JsonValue {
  if (isObject(value)) return fieldOf(value, name);
  const property = propertyOf(value, name);
  if (property) return property(value);
  throw wrongKind(value, `an object with '${name}'`);
}

function indexCode(expr: Of<'index'>, context: ExprContext): Code {
  const object = peeked(expr.object, context);
  const index = compileExpr(expr.index, context);
  const [o, i] = [object.run, index.run];
  return folded(
    (s) => {
      const whole = o(s);
      const at = i(s);
      if (typeof at === 'number' && at >= 0 && isList(whole) && at < whole.length && Number.isInteger(at))
        return whole[at] as JsonValue;
      return indexOf(whole, at);
    },
    [object, index],
  );
}

// ---- Calls ----

function callCode(expr: Of<'call'>, context: ExprContext): Code {
  const call = functionNamed(expr.function);
  if (!call) throw new ScaiCoreError('LoadError', `the standard library has no function '${expr.function}'`);
  const [a, b, c] = expr.args.map((arg) => compileEx(arg, context));
  return { run: (s) => call(executionOf(s), a?.(s), b?.(s), c?.(s)) };
}

function pureCallCode(expr: Of<'pure_call'>, context: ExprContext): Code {
  const args = expr.args.map((arg) => arg && compileEx(arg, context));
  let call: SyncCall | undefined;
  return {
    run: (s) => {
      // Looked up when first run: flows may call each other.
      call ??= context.syncCall(expr.flow);
      return call(
        executionOf(s),
        args.map((arg) => arg?.(s)),
      );
    },
  };
}

function methodCode(expr: Of<'method'>, context: ExprContext): Code {
  const method = methodNamed(expr.on, expr.name);
  if (!method) throw new ScaiCoreError('LoadError', `'${expr.on}' has no member '${expr.name}'`);
  const { run: receiver } = (PEEKING.has(expr.name) ? peeked : compileExpr)(expr.receiver, context);
  const [a, b] = (expr.args ?? []).map((arg) => argOf(arg, context));
  if (!a) return { run: (s) => method(executionOf(s), receiver(s), undefined, undefined) };
  return { run: (s) => method(executionOf(s), receiver(s), a(s), b?.(s)) };
}

type ArgEx = (slots: Parameters<Ex>[0]) => StdArg;

function argOf(arg: IRExpr | IRLambda | null, context: ExprContext): ArgEx {
  if (arg === null) return () => undefined;
  return arg.kind === 'lambda' ? lambdaArg(arg, context) : compileEx(arg, context);
}

/** Parameters live in slots of their own: a lambda cannot outlive the call that it is given to, so one set is enough. */
function lambdaArg({ params, body }: IRLambda, context: ExprContext): ArgEx {
  const { names } = context;
  const slots = params.map(() => names.hidden());
  const overlay = new Map(params.map((name, index) => [name, slots[index] ?? 0]));
  const run = names.within(overlay, () => compileEx(body, context));
  const [first, second] = slots;
  if (first === undefined) return (s) => () => run(s);
  if (second === undefined)
    return (s) => (a) => {
      s[first] = a;
      return run(s);
    };
  return (s) => (a, b) => {
    s[first] = a;
    s[second] = b;
    return run(s);
  };
}

// ---- Values made of values ----

/** What a list or object takes by itself, as items. */
const SMALL_ITEMS = 3;

/** Made once, when it is compiled. */
function isConstant(codes: readonly Code[]): boolean {
  return codes.every(({ constant }) => constant !== undefined);
}

function listCode({ items }: Of<'list'>, context: ExprContext): Code {
  const codes = items.map((item) => compileExpr(item, context));
  const runs = codes.map(({ run }) => run);
  const size = SMALL_ITEMS + runs.length;
  const isBuilt = !isConstant(codes);
  return folded((s) => {
    if (isBuilt) executionOf(s).build(size);
    return runs.map((run) => run(s));
  }, codes);
}

function objectCode({ fields }: Of<'object'>, context: ExprContext): Code {
  const codes = fields.map(({ value }) => compileExpr(value, context));
  const parts = fields.map(({ name }, index) => ({ name, run: codes[index]?.run ?? (() => null) }));
  const size = SMALL_ITEMS + parts.length;
  const isBuilt = !isConstant(codes);
  return folded((s) => {
    if (isBuilt) executionOf(s).build(size);
    const object: MutableObject = {};
    for (const { name, run } of parts) putField(object, name, run(s));
    return object;
  }, codes);
}

function templateCode({ parts }: Of<'template'>, context: ExprContext): Code {
  const codes = parts.map((part) =>
    typeof part === 'string' ? constantCode(part) : compileExpr(part, context),
  );
  const runs = codes.map(({ run }) => run);
  return folded((s) => {
    let text = '';
    for (const run of runs) text = boundText(text + toText(run(s)));
    return text;
  }, codes);
}

function conditionalCode(expr: Of<'conditional'>, context: ExprContext): Code {
  const condition = compileEx(expr.condition, context);
  const then = compileEx(expr.then, context);
  const otherwise = compileEx(expr.otherwise, context);
  return { run: (s) => (boolOf(condition(s)) ? then(s) : otherwise(s)) };
}

function matchCode(expr: Of<'match'>, context: ExprContext): Code {
  const subject = compileEx(expr.subject, context);
  const arms = expr.arms.map(({ pattern, guard, value }) => {
    const test = compilePattern(pattern, context.names);
    return { test, guard: guard && compileEx(guard, context), value: compileEx(value, context) };
  });
  return {
    run: (s) => {
      const value = subject(s);
      for (const arm of arms)
        if (arm.test(s, value) && (!arm.guard || boolOf(arm.guard(s)))) return arm.value(s);
      throw noArm(value);
    },
  };
}

export function noArm(value: JsonValue): ScaiCoreError {
  const text = toText(value);
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new ScaiCoreError('MatchError', `no arm fits ${shown}`, { value });
}
