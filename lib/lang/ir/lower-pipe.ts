// Pipes: calls, one after the other.
import type { Expr, PipeExpr } from '../syntax/ast.ts';
import type { IRExpr, IRStmt } from './ir.ts';
import { lowerCallable, lowerLambda, lowerValue } from './lower-expr.ts';
import { fieldNamed, literal, type LoweringBody, ref } from './lower-context.ts';

export function lowerPipe(body: LoweringBody, expr: PipeExpr, out: IRStmt[]): IRExpr {
  const chain: PipeExpr[] = [];
  let first: Expr = expr;
  for (; first.kind === 'pipe'; first = first.left) chain.push(first);
  let value = lowerValue(body, first, out);
  for (let node = chain.pop(); node; node = chain.pop()) value = lowerOne(body, node, value, out);
  return value;
}

function lowerOne(body: LoweringBody, node: PipeExpr, input: IRExpr, out: IRStmt[]): IRExpr {
  const [stage] = node.stages;
  if (!stage) return input;
  switch (node.op) {
    case '|>':
      return lowerStage(body, stage, input, out);
    case '|?>':
      return lowerIf(body, node, stage, input, out);
    case '|*>':
      return lowerAll(body, node, input, out);
    case '|~>':
      return lowerLoop(body, node, stage, input, out);
  }
}

function lowerStage(body: LoweringBody, stage: Expr, input: IRExpr, out: IRStmt[]): IRExpr {
  const resolution = body.program.checked.resolutionOf(stage);
  return resolution?.kind === 'callable' ? lowerCallable(body, stage, resolution.name, [input], out) : input;
}

/** Gives a value a name, so that it is evaluated once. */
function named(body: LoweringBody, value: IRExpr, out: IRStmt[]): string {
  if (value.kind === 'ref' && value.name.startsWith('$')) return value.name;
  const name = body.fresh();
  out.push({ kind: 'assign', target: { name }, value });
  return name;
}

function lowerIf(body: LoweringBody, node: PipeExpr, stage: Expr, input: IRExpr, out: IRStmt[]): IRExpr {
  const name = body.fresh();
  out.push(body.stmt(node.span, { kind: 'assign', target: { name }, value: input }));
  const condition = node.condition ? lowerValue(body, node.condition, out) : literal(true);
  const then: IRStmt[] = [];
  const value = lowerStage(body, stage, ref(name), then);
  then.push(body.stmt(stage.span, { kind: 'assign', target: { name }, value }));
  out.push(body.stmt(node.span, { kind: 'if', condition, then }));
  return ref(name);
}

function lowerAll(body: LoweringBody, node: PipeExpr, input: IRExpr, out: IRStmt[]): IRExpr {
  const name = named(body, input, out);
  const names = node.stages.map(() => body.fresh());
  const branches = node.stages.map((stage, index) => {
    const statements: IRStmt[] = [];
    const target = names[index] ?? '';
    const value = lowerStage(body, stage, ref(name), statements);
    statements.push(body.stmt(stage.span, { kind: 'assign', target: { name: target }, value }));
    const block = body.placed({ kind: 'rigid' as const, implicit: true, statements }, stage.span);
    return { name: target, body: [block] };
  });
  const block = body.placed({ kind: 'parallel' as const, branches, fail_fast: true }, node.span);
  out.push(body.stmt(node.span, { kind: 'block', block }));
  const results: IRExpr = { kind: 'list', items: names.map(ref) };
  const merge = fieldNamed(node.options, 'merge');
  return merge ? applied(body, merge, results, out) : results;
}

/** A callable or a lambda of one value. */
function applied(body: LoweringBody, fn: Expr, value: IRExpr, out: IRStmt[]): IRExpr {
  if (fn.kind !== 'lambda') return lowerStage(body, fn, value, out);
  const receiver: IRExpr = { kind: 'list', items: [value] };
  const mapped: IRExpr = {
    kind: 'method',
    on: 'array',
    name: 'map',
    receiver,
    args: [lowerLambda(body, fn)],
  };
  return { kind: 'index', object: mapped, index: literal(0) };
}

function lowerLoop(body: LoweringBody, node: PipeExpr, stage: Expr, input: IRExpr, out: IRStmt[]): IRExpr {
  const name = body.fresh();
  out.push(body.stmt(node.span, { kind: 'assign', target: { name }, value: input }));
  const statements: IRStmt[] = [];
  const value = lowerStage(body, stage, ref(name), statements);
  statements.push(body.stmt(stage.span, { kind: 'assign', target: { name }, value }));
  const until = fieldNamed(node.options, 'until');
  if (until) {
    const condition = applied(body, until, ref(name), statements);
    statements.push(body.stmt(until.span, { kind: 'if', condition, then: [{ kind: 'break' }] }));
  }
  const max = fieldNamed(node.options, 'max');
  const inner = body.placed({ kind: 'rigid' as const, implicit: true, statements }, node.span);
  const block = {
    kind: 'while' as const,
    condition: literal(true),
    max_iterations: max?.kind === 'int' ? max.value : 1,
    is_lenient: true,
    body: [inner],
  };
  out.push(body.stmt(node.span, { kind: 'block', block: body.placed(block, node.span) }));
  return ref(name);
}
