// The IR builder: a checked program becomes a module, and its tests become flows beside it. Only for programs without
// errors.
import type { CheckedCallable, CheckedProgram } from '../check/checked.ts';
import { constantOf } from '../check/constant.ts';
import type { Expr, Name, Stmt, TestNode, TestPartNode } from '../syntax/ast.ts';
import type { IRBlock, IRExpr, IRFlow, IRModule, IRParam, IRStmt, IRType, JsonValue } from './ir.ts';
import { SCHEMA_VERSION } from './ir.ts';
import type { IRProperty, IRTest } from './ir-test.ts';
import { LOWERING_PASSES, lowerBlocks, lowerStatements } from './lower-body.ts';
import { irType, literal, LoweringBody, LoweringProgram, type Origin, ref } from './lower-context.ts';
import { lowerHead } from './lower-core.ts';
import { hasEffect, lowerPure, lowerValue } from './lower-expr.ts';

export interface Lowered {
  readonly module: IRModule;
  readonly tests: readonly IRTest[];
  /** Where a node of the module came from; of a traced one. */
  originOf(node: object): Origin | undefined;
}

export interface LowerOptions {
  /** Keeps `@debug` blocks. */
  readonly debug?: boolean;
  /** Remembers where each node came from. @default false */
  readonly isTraced?: boolean;
}

const DYNAMIC: IRType = { kind: 'dynamic' };

export function lower(
  checked: CheckedProgram,
  { debug = false, isTraced = false }: LowerOptions = {},
): Lowered {
  const program = new LoweringProgram(checked, debug, isTraced);
  const all = [...checked.callables.values()].map((callable) => lowerCallable(program, callable));
  const module: IRModule = {
    schema_version: SCHEMA_VERSION,
    ...lowerHead(program),
    flows: all.filter(({ role }) => role === 'flow'),
    functions: all.filter(({ role }) => role !== 'flow'),
  };
  const tests = checked.tests.map(({ node, file }, index) =>
    lowerTest(new LoweringBody(program, file.source, LOWERING_PASSES), node, index),
  );
  return { module, tests, originOf: (node) => program.origins?.get(node) };
}

function lowerCallable(program: LoweringProgram, callable: CheckedCallable): IRFlow {
  const { name, node, file, params, result } = callable;
  const body = new LoweringBody(program, file.source, LOWERING_PASSES);
  const flow: IRFlow = {
    name,
    role: node.kind,
    params: params.map((param): IRParam => ({
      name: param.name,
      type: irType(param.type),
      ...(param.initial && { default: lowerPure(body, param.initial) }),
    })),
    return_type: irType(result),
    body: node.kind === 'pipeline' ? returning(body, node.body) : lowerBlocks(body, node.body),
    ...(node.kind !== 'pipeline' && node.is_async && { async: true }),
    source_location: body.location(node.span),
  };
  return body.placed(flow, node.span);
}

/** One implicit block that returns `value`. */
function returning(body: LoweringBody, value: Expr): readonly IRBlock[] {
  const statements: IRStmt[] = [];
  const lowered = lowerValue(body, value, statements);
  statements.push(body.stmt(value.span, { kind: 'return', value: lowered }));
  return [body.placed({ kind: 'rigid' as const, implicit: true, statements }, value.span)];
}

// ---- Tests ----

type Part<Kind extends TestPartNode['kind']> = Extract<TestPartNode, { readonly kind: Kind }>;

function partsOf<Kind extends TestPartNode['kind']>(node: TestNode, kind: Kind): readonly Part<Kind>[] {
  return node.parts.filter((part): part is Part<Kind> => part.kind === kind);
}

function lowerTest(body: LoweringBody, node: TestNode, index: number): IRTest {
  const name = (part: string): string => `test_${index}_${part}`;
  const given = partsOf(node, 'given').flatMap((part) => part.body);
  const givenNames = namesSetBy(given);
  const givenFlow = given.length > 0 ? lowerGiven(body, name('given'), given, givenNames) : undefined;
  const [when] = partsOf(node, 'when');
  const checks = partsOf(node, 'then').flatMap((part) => part.checks);
  const seen = [...givenNames, ...(when?.binding ? [when.binding.text] : []), ...OUTCOME];
  const whenPart = when && lowerWhen(body, name('input'), when, givenNames);
  return {
    title: node.title.value,
    source_location: body.location(node.span),
    mocks: lowerMocks(node),
    setup: body.setup,
    ...(givenFlow && { given: givenFlow }),
    ...(whenPart && { when: whenPart }),
    ...(checks.length > 0 && { then: checkFlow(body, name('then'), dynamicParams(seen), checks) }),
    checks: checks.map((check) => textOf(body, check)),
    properties: partsOf(node, 'property').map((part, at) =>
      lowerProperty(body, name(`property_${at}`), part),
    ),
  };
}

const OUTCOME = ['status', 'error', 'checkpoint', 'emitted'];

function textOf(body: LoweringBody, { span }: Expr): string {
  return body.source.text.slice(span.start, span.end).replace(/\s+/g, ' ');
}

function dynamicParams(names: readonly string[]): readonly IRParam[] {
  return [...new Set(names)].map((name) => ({ name, type: DYNAMIC }));
}

function testFlow(name: string, params: readonly IRParam[], statements: readonly IRStmt[]): IRFlow {
  return {
    name,
    role: 'flow',
    params,
    return_type: DYNAMIC,
    body: [{ kind: 'rigid', implicit: true, statements }],
  };
}

function objectOf(names: readonly string[]): IRExpr {
  return { kind: 'object', fields: names.map((name) => ({ name, value: ref(name) })) };
}

/** Plain names that are surely set: those assigned at the top of `@given`. */
function namesSetBy(stmts: readonly Stmt[]): readonly string[] {
  const names = stmts.flatMap((stmt) => {
    if (stmt.kind === 'assign') return stmt.target.kind === 'ref' ? [stmt.target.name] : [];
    return 'binding' in stmt && stmt.binding ? [stmt.binding.text] : [];
  });
  return [...new Set(names)];
}

function lowerGiven(
  body: LoweringBody,
  name: string,
  stmts: readonly Stmt[],
  names: readonly string[],
): IRFlow {
  const out: IRStmt[] = [];
  lowerStatements(body, stmts, out);
  out.push({ kind: 'return', value: objectOf(names) });
  return testFlow(name, [], out);
}

function lowerMocks(node: TestNode): IRTest['mocks'] {
  const byTarget = new Map<string, JsonValue[]>();
  for (const { target, value } of partsOf(node, 'mock')) {
    const values = byTarget.get(target.text) ?? [];
    values.push(constantOf(value) ?? null);
    byTarget.set(target.text, values);
  }
  return [...byTarget].map(([target, values]) => ({ target, values }));
}

function lowerWhen(
  body: LoweringBody,
  name: string,
  { call, binding }: Part<'when'>,
  given: readonly string[],
): IRTest['when'] {
  const resolution = body.program.checked.resolutionOf(call);
  if (resolution?.kind !== 'callable' || call.kind !== 'call') return undefined;
  const params = body.program.checked.callables.get(resolution.name)?.params ?? [];
  const out: IRStmt[] = [];
  let position = 0;
  const fields = call.args.map(({ name: written, value }: { readonly name?: Name; readonly value: Expr }) => {
    const param = written?.text ?? params[position++]?.name ?? '';
    return { name: param, value: lowerValue(body, value, out) };
  });
  out.push({ kind: 'return', value: { kind: 'object', fields } });
  return {
    flow: resolution.name,
    ...(binding && { binding: binding.text }),
    input: testFlow(name, dynamicParams(given), out),
  };
}

/** Each condition gives an object with what it came to, and the sides of a comparison. */
function checkFlow(
  body: LoweringBody,
  name: string,
  params: readonly IRParam[],
  checks: readonly Expr[],
): IRFlow {
  const out: IRStmt[] = [];
  const items = checks.map((check) => lowerCheck(body, check, out));
  out.push({ kind: 'return', value: { kind: 'list', items } });
  return testFlow(name, params, out);
}

const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in']);

function lowerCheck(body: LoweringBody, check: Expr, out: IRStmt[]): IRExpr {
  const ok = lowerValue(body, check, out);
  const isComparison =
    check.kind === 'binary' && COMPARISONS.has(check.op) && !hasEffect(body, check) && ok.kind === 'binary';
  const sides = isComparison ? [ok.left, ok.right] : [literal(null), literal(null)];
  return {
    kind: 'object',
    fields: [
      { name: 'ok', value: ok },
      { name: 'left', value: sides[0] ?? literal(null) },
      { name: 'right', value: sides[1] ?? literal(null) },
    ],
  };
}

function lowerProperty(body: LoweringBody, name: string, part: Part<'property'>): IRProperty {
  const params = part.params.map((param): IRParam => ({
    name: param.name.text,
    type: irType(body.program.checked.typeOfNode(param.type)),
  }));
  return {
    params,
    flow: checkFlow(body, name, params, part.checks),
    checks: part.checks.map((check) => textOf(body, check)),
  };
}
