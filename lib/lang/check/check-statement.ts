// Statements: where they are legal (E306, E310), which ways they open and close.
import type { Expr, Stmt } from '../syntax/ast.ts';
import { DYNAMIC, NEVER, NULL, widen } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import type { Body, LoopContext } from './body.ts';
import { bindName, checkAssign } from './check-assign.ts';
import { checkBlock } from './check-block.ts';
import { checkArms } from './check-match.ts';
import { requireBool } from './check-operator.ts';
import { EFFECT } from './effects.ts';
import { IS_SET } from './flow-state.ts';
import { warnConstant } from './infer.ts';
import { assume } from './narrowing.ts';

type Of<Kind extends Stmt['kind']> = Stmt & { readonly kind: Kind };

/** Deeper trees than the parser allows are not entered: the machine's stack ends somewhere. */
const DEPTH_MAX = 600;

/** Gives the type of a last expression statement, `null` type without one, `never` if the end is not reached. */
export function checkStatements(body: Body, statements: readonly Stmt[]): Type {
  let last: Type = NULL;
  if (body.program.depth > DEPTH_MAX) {
    const [first] = statements;
    if (first) body.error('E108', first.span, 'nested too deeply');
    return DYNAMIC;
  }
  body.program.depth += 1;
  for (const statement of statements) last = checkStatement(body, statement);
  body.program.depth -= 1;
  return body.flow.isReachable ? last : NEVER;
}

/** Gives the type of its value, if it is an expression; else the `null` type. */
function checkStatement(body: Body, stmt: Stmt): Type {
  switch (stmt.kind) {
    case 'assign':
      checkAssign(body, stmt);
      return NULL;
    case 'expression': {
      const type = body.infer(stmt.value);
      if (type.kind === 'never') body.flow.isReachable = false;
      if (beginsUnknown(body, stmt.value)) body.hasUnknownStatement = true;
      return type;
    }
    case 'if':
      checkIf(body, stmt);
      return NULL;
    case 'match':
      return checkMatch(body, stmt);
    case 'return':
      checkReturn(body, stmt);
      return NULL;
    case 'yield':
      checkYield(body, stmt);
      return NULL;
    case 'break':
    case 'continue':
      checkJump(body, stmt);
      return NULL;
    case 'emit':
      checkEmit(body, stmt);
      return NULL;
    default: {
      const type = checkBlock(body, stmt);
      body.program.blockTypes.set(stmt, type);
      const declared = stmt.type && body.program.resolveType(stmt.type, body.scope);
      const isExact = stmt.kind === 'checkpoint';
      if (stmt.binding) bindName(body, stmt.binding, type, { declared, typeNode: stmt.type, isExact });
      return NULL;
    }
  }
}

/** Whether the first word of a statement means nothing: it may be a misspelt `return` or `fail`. */
function beginsUnknown(body: Body, value: Expr): boolean {
  let first = value;
  for (;;)
    switch (first.kind) {
      case 'call':
        first = first.callee;
        break;
      case 'field':
      case 'index':
        first = first.object;
        break;
      case 'binary':
      case 'pipe':
        first = first.left;
        break;
      case 'ref':
        return body.program.resolutionOf(first) === undefined;
      default:
        return false;
    }
}

function checkIf(body: Body, stmt: Of<'if'>): void {
  requireBool(body, stmt.condition, body.infer(stmt.condition));
  warnConstant(body, stmt.condition);
  const { otherwise = [] } = stmt;
  body.merge([
    body.branch(() => {
      assume(body, stmt.condition, true);
      body.statements(stmt.then);
    }),
    body.branch(() => {
      assume(body, stmt.condition, false);
      body.statements(otherwise);
    }),
  ]);
}

function checkMatch(body: Body, stmt: Of<'match'>): Type {
  const declared = stmt.type && body.program.resolveType(stmt.type, body.scope);
  const type = body.infer(stmt.subject);
  const subject = { type, span: stmt.subject.span, expr: stmt.subject };
  const value = checkArms(body, subject, stmt.arms, { expected: declared });
  body.program.blockTypes.set(stmt, value);
  if (!stmt.binding) return value;
  bindName(body, stmt.binding, value, { declared, typeNode: stmt.type });
  return NULL;
}

function checkReturn(body: Body, stmt: Of<'return'>): void {
  const isInside = body.loops.some(({ kind }) => kind === 'parallel');
  const isFlow = body.kind !== 'test' && body.kind !== 'constant' && body.purePlace === undefined;
  if (!isFlow || isInside) {
    const where = isInside ? 'a branch of @parallel' : (body.purePlace ?? 'a test');
    body.error('E310', stmt.span, `'return' cannot stand in ${where}`);
    if (stmt.value) body.infer(stmt.value);
    body.flow.isReachable = false;
    return;
  }
  body.hasReturned = true;
  const declared = body.head?.result;
  if (declared) {
    if (stmt.value) body.check(stmt.value, declared, 'E306');
    else if (!body.program.table.isAssignable(NULL, declared))
      body.error('E306', stmt.span, `expected ${printType(declared)}, found nothing`);
  } else {
    const type = stmt.value ? body.infer(stmt.value) : NULL;
    const kept = type.kind === 'null' || type.kind === 'never' ? type : widen(type);
    if (body.flow.isReachable) body.returned = body.program.table.join(body.returned, kept);
  }
  body.flow.isReachable = false;
}

function checkYield(body: Body, stmt: Of<'yield'>): void {
  const type = body.infer(stmt.value);
  const loop = nearest(body, (kind) => kind !== 'while');
  if (!loop) body.error('E310', stmt.span, "'yield' can only stand in @foreach and @parallel");
  else {
    loop.yielded = body.program.table.join(loop.yielded, widen(type));
    if (loop.kind === 'parallel') body.flow.set('yield', IS_SET);
  }
}

function checkJump(body: Body, stmt: Of<'break'> | Of<'continue'>): void {
  const loop = body.loops.at(-1);
  if (!loop || loop.kind === 'parallel')
    body.error('E310', stmt.span, `'${stmt.kind}' can only stand in @while and @foreach`);
  body.flow.isReachable = false;
}

function nearest(body: Body, isMeant: (kind: LoopContext['kind']) => boolean): LoopContext | undefined {
  for (let index = body.loops.length - 1; index >= 0; index -= 1) {
    const loop = body.loops[index];
    if (loop && isMeant(loop.kind)) return loop;
  }
  return undefined;
}

function checkEmit(body: Body, stmt: Of<'emit'>): void {
  body.effect(EFFECT.emit, stmt.span, "'emit'");
  const given = new Set<string>();
  for (const { name, value } of stmt.fields) {
    if (given.has(name.text)) body.error('E112', name.span, `field '${name.text}' is given twice`);
    given.add(name.text);
    body.infer(value);
  }
}
