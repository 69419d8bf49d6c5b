// Statements and blocks. In a list of blocks plain statements become implicit rigid blocks; in a list of statements a
// block is a statement.
import type {
  AssignStmt,
  BlockStmt,
  Expr,
  FieldNode,
  MatchArm,
  MatchStmt,
  ModelBlock,
  Name,
  Stmt,
} from '../syntax/ast.ts';
import {
  BLOCK_KINDS,
  type IRBindings,
  type IRBlock,
  type IRBlockArm,
  type IRExpr,
  type IRStmt,
} from './ir.ts';
import { endsAlways, withLastValue } from './last-value.ts';
import {
  constantField,
  constantFields,
  fieldNamed,
  literal,
  type LoweringBody,
  type LoweringPasses,
  NULL_LITERAL,
  wordIn,
} from './lower-context.ts';
import {
  assignInto,
  isStatements,
  lowerBindings,
  lowerPattern,
  lowerPure,
  lowerValue,
} from './lower-expr.ts';
import { limitsOf, lowerModelBlock } from './lower-model.ts';
import { lowerPipe } from './lower-pipe.ts';

type Of<Kind extends BlockStmt['kind']> = BlockStmt & { readonly kind: Kind };

export const LOWERING_PASSES: LoweringPasses = { statements: lowerStatements, pipe: lowerPipe };

/** `@match` has a node of its own in the tree. */
const BLOCKS: ReadonlySet<string> = new Set(BLOCK_KINDS.filter((kind) => kind !== 'match'));

function isBlock(stmt: Stmt): stmt is BlockStmt {
  return BLOCKS.has(stmt.kind);
}

// ---- Lists ----

export function lowerBlocks(body: LoweringBody, stmts: readonly Stmt[]): readonly IRBlock[] {
  const blocks: IRBlock[] = [];
  let plain: IRStmt[] = [];
  let first: Stmt | undefined;
  const flush = (): void => {
    if (plain.length > 0 && first) {
      const block: IRBlock = {
        kind: 'rigid',
        implicit: true,
        statements: plain,
        source_location: body.location(first.span),
      };
      blocks.push(body.placed(block, first.span));
    }
    plain = [];
    first = undefined;
  };
  for (const stmt of stmts) {
    const isOwnBlock = isBlock(stmt) || (stmt.kind === 'match' && stmt.is_block);
    if (!isOwnBlock) {
      first ??= stmt;
      lowerStatement(body, stmt, plain);
      continue;
    }
    // What the block needs of effects stands before it.
    const before: IRStmt[] = [];
    const block = isBlock(stmt) ? lowerBlock(body, stmt, before) : lowerMatchBlock(body, stmt, before);
    if (before.length > 0) {
      first ??= stmt;
      plain.push(...before);
    }
    if (!block) continue;
    flush();
    blocks.push(block);
  }
  flush();
  return blocks;
}

export function lowerStatements(body: LoweringBody, stmts: readonly Stmt[], out: IRStmt[]): void {
  for (const stmt of stmts) lowerStatement(body, stmt, out);
}

function statementsOf(body: LoweringBody, stmts: readonly Stmt[]): readonly IRStmt[] {
  const out: IRStmt[] = [];
  lowerStatements(body, stmts, out);
  return out;
}

// ---- Statements ----

function lowerStatement(body: LoweringBody, stmt: Stmt, out: IRStmt[]): void {
  if (isBlock(stmt)) {
    const block = lowerBlock(body, stmt, out);
    if (block) out.push(body.stmt(stmt.span, { kind: 'block', block }));
    return;
  }
  switch (stmt.kind) {
    case 'assign':
      lowerAssign(body, stmt, out);
      return;
    case 'expression': {
      const expression = lowerValue(body, stmt.value, out);
      // A bare call has become a statement already.
      const isDone = expression.kind === 'ref' && expression.name.startsWith('$');
      if (!isDone) out.push(body.stmt(stmt.span, { kind: 'expression', expression }));
      return;
    }
    case 'if': {
      const condition = lowerValue(body, stmt.condition, out);
      const then = statementsOf(body, stmt.then);
      const otherwise = stmt.otherwise && statementsOf(body, stmt.otherwise);
      out.push(body.stmt(stmt.span, { kind: 'if', condition, then, ...(otherwise && { otherwise }) }));
      return;
    }
    case 'match':
      lowerMatchStatement(body, stmt, out);
      return;
    case 'return': {
      const value = stmt.value && lowerValue(body, stmt.value, out);
      out.push(body.stmt(stmt.span, { kind: 'return', ...(value && { value }) }));
      return;
    }
    case 'yield':
      out.push(body.stmt(stmt.span, { kind: 'yield', value: lowerValue(body, stmt.value, out) }));
      return;
    case 'break':
    case 'continue':
      out.push(body.stmt(stmt.span, { kind: stmt.kind }));
      return;
    case 'emit': {
      const fields = lowerBindings(body, stmt.fields, out);
      out.push(body.stmt(stmt.span, { kind: 'emit', event: stmt.event.text, fields }));
    }
  }
}

function lowerMatchStatement(body: LoweringBody, stmt: MatchStmt, out: IRStmt[]): void {
  const subject = lowerValue(body, stmt.subject, out);
  const name = stmt.binding?.text;
  const arms = stmt.arms.map(({ pattern, guard, body: value }) => {
    const stmts: IRStmt[] = [];
    if (isStatements(value))
      lowerStatements(body, stmt.binding ? withLastValue(stmt.binding, value) : value, stmts);
    else if (name !== undefined) assignInto(body, name, value, stmts);
    else lowerStatement(body, { kind: 'expression', span: value.span, value }, stmts);
    return {
      pattern: lowerPattern(pattern),
      ...(guard && { guard: lowerPure(body, guard) }),
      body: stmts,
    };
  });
  out.push(body.stmt(stmt.span, { kind: 'match', subject, arms }));
}

function lowerAssign(body: LoweringBody, { target, value, span }: AssignStmt, out: IRStmt[]): void {
  if (target.kind === 'ref') {
    const lowered = lowerValue(body, value, out);
    out.push(body.stmt(span, { kind: 'assign', target: { name: target.name }, value: lowered }));
    return;
  }
  const path: (string | IRExpr)[] = [];
  let root: Expr = target;
  let store: { readonly kind: 'memory' | 'reference' | 'config'; readonly name: string } | undefined;
  while (root.kind === 'field' || root.kind === 'index') {
    const resolution = body.program.checked.resolutionOf(root);
    if (resolution?.kind === 'memory' || resolution?.kind === 'reference')
      store = { kind: resolution.kind, name: resolution.field };
    else if (resolution?.kind === 'config') store = { kind: 'config', name: resolution.name };
    if (store) break;
    path.unshift(root.kind === 'field' ? root.name.text : lowerValue(body, root.index, out));
    root = root.object;
  }
  const lowered = lowerValue(body, value, out);
  if (store?.kind === 'memory') {
    const args = [...path.map((step) => (typeof step === 'string' ? literal(step) : step)), lowered];
    const op = path.length === 0 ? 'write' : 'write_path';
    out.push(body.stmt(span, { kind: 'memory_op', op, field: store.name, args }));
  } else if (store) {
    body.setup.push({ kind: store.kind, name: store.name, value: lowered });
  } else if (root.kind === 'ref') {
    out.push(body.stmt(span, { kind: 'assign', target: { name: root.name, path }, value: lowered }));
  }
}

// ---- Blocks ----

/** The value of the statements, that of a last expression or else null, is given to `binding`. */
function lowerBlocksInto(
  body: LoweringBody,
  binding: Name | undefined,
  stmts: readonly Stmt[],
): readonly IRBlock[] {
  return lowerBlocks(body, binding ? withLastValue(binding, stmts) : stmts);
}

/** The engine takes the value of such a body from an expression at its end. */
function lowerFailureBody(
  body: LoweringBody,
  binding: Name | undefined,
  stmts: readonly Stmt[],
): readonly IRBlock[] {
  const last = stmts.at(-1);
  if (!binding || (last && endsAlways(last))) return lowerBlocks(body, stmts);
  const { before, value, span } = lastValue(body, binding, stmts);
  const blocks = lowerBlocks(body, before);
  const statements: IRStmt[] = [];
  const expression = value ? lowerValue(body, value, statements) : NULL_LITERAL;
  statements.push(body.stmt(span, { kind: 'expression', expression }));
  return [...blocks, body.placed({ kind: 'rigid', implicit: true, statements }, span)];
}

/** The value of statements as an expression behind them; undefined: null. */
function lastValue(
  body: LoweringBody,
  { span }: Pick<Name, 'span'>,
  stmts: readonly Stmt[],
): { readonly before: readonly Stmt[]; readonly value?: Expr; readonly span: Name['span'] } {
  const last = stmts.at(-1);
  if (last?.kind === 'expression') return { before: stmts.slice(0, -1), value: last.value, span: last.span };
  if (last?.kind !== 'match' || last.binding) return { before: stmts, span };
  const name = body.fresh();
  const value: Expr = { kind: 'ref', name, span: last.span, id: -1 };
  return { before: withLastValue({ text: name, span: last.span }, stmts), value, span: last.span };
}

/** Undefined for what is compiled away. What it needs of effects is put into `out`, before it. */
function lowerBlock(body: LoweringBody, block: BlockStmt, out: IRStmt[]): IRBlock | undefined {
  const lowered = lowerKind(body, block, out);
  if (!lowered) return undefined;
  if (block.kind === 'model_call' && block.budget) return lowerLimitedCall(body, block, lowered);
  const placed: IRBlock = {
    ...lowered,
    ...(block.binding && { result_binding: block.binding.text }),
    source_location: body.location(block.span),
  };
  return body.placed(placed, block.span);
}

/** `@model_call` has no limits of its own: those of a `@budget` in it are around it. */
function lowerLimitedCall(body: LoweringBody, block: ModelBlock, lowered: IRBlock): IRBlock {
  const source_location = body.location(block.span);
  const call: IRBlock = {
    ...lowered,
    ...(block.binding && { result_binding: block.binding.text }),
    source_location,
  };
  const limits = limitsOf(block.budget ?? []);
  const budget: IRBlock = { kind: 'budget', limits, body: [body.placed(call, block.span)], source_location };
  return body.placed(budget, block.span);
}

function lowerKind(body: LoweringBody, block: BlockStmt, out: IRStmt[]): IRBlock | undefined {
  switch (block.kind) {
    case 'rigid':
      return { kind: 'rigid', statements: rigidStatements(body, block) };
    case 'debug':
      if (!body.program.keepsDebug) return undefined;
      return { kind: 'debug', statements: rigidStatements(body, block) };
    case 'flexible':
    case 'guarded':
    case 'model_call':
      return lowerModelBlock(body, block, out, (stmts) => lowerFailureBody(body, block.binding, stmts));
    case 'parallel':
      return lowerParallel(body, block);
    case 'foreach':
      return lowerForeach(body, block, out);
    case 'while':
      return lowerWhile(body, block);
    case 'checkpoint':
      return lowerCheckpoint(body, block, out);
    case 'core_call':
      return lowerCoreCall(body, block, out);
    case 'await_responses':
      return lowerAwait(body, block, out);
    case 'try':
      return {
        kind: 'try',
        body: lowerBlocksInto(body, block.binding, block.body),
        catches: block.catches.map(({ error, binding, body: stmts }) => ({
          ...(error && { error_type: error.text }),
          ...(binding && { binding: binding.text }),
          body: lowerBlocksInto(body, block.binding, stmts),
        })),
      };
    case 'budget': {
      const blocks = lowerBlocksInto(body, block.binding, block.body);
      return { kind: 'budget', limits: limitsOf(block.limits), body: blocks };
    }
  }
}

function rigidStatements(
  body: LoweringBody,
  { binding, body: stmts }: Of<'rigid' | 'debug'>,
): readonly IRStmt[] {
  return statementsOf(body, binding ? withLastValue(binding, stmts) : stmts);
}

function countOf(fields: readonly FieldNode[], name: string): number | undefined {
  const value = constantField(fields, name);
  return typeof value === 'number' ? value : undefined;
}

function lowerParallel(body: LoweringBody, block: Of<'parallel'>): IRBlock {
  const max = countOf(block.options, 'max_concurrent');
  const branches = block.body.map((stmt) => {
    const name = branchName(stmt);
    return { ...(name !== undefined && { name }), body: lowerBlocks(body, [stmt]) };
  });
  return {
    kind: 'parallel',
    branches,
    ...(max !== undefined && { max_concurrent: max }),
    fail_fast: constantField(block.options, 'fail_fast') !== false,
  };
}

function branchName(stmt: Stmt): string | undefined {
  if (stmt.kind === 'assign') return stmt.target.kind === 'ref' ? stmt.target.name : undefined;
  return 'binding' in stmt ? stmt.binding?.text : undefined;
}

function lowerForeach(body: LoweringBody, block: Of<'foreach'>, out: IRStmt[]): IRBlock {
  const max = countOf(block.options, 'max_concurrent');
  return {
    kind: 'foreach',
    item: block.item.text,
    ...(block.index && { index: block.index.text }),
    iterable: lowerValue(body, block.iterable, out),
    body: lowerBlocks(body, block.body),
    // One at a time is a plain loop, in which a flow may stop and jump.
    ...(max !== undefined && max > 1 && { max_concurrent: max }),
  };
}

function lowerWhile(body: LoweringBody, block: Of<'while'>): IRBlock {
  const prepare: IRStmt[] = [];
  const condition = lowerValue(body, block.condition, prepare);
  return {
    kind: 'while',
    ...(prepare.length > 0 && { prepare }),
    condition,
    max_iterations: countOf(block.options, 'max_iterations') ?? 1,
    body: lowerBlocks(body, block.body),
  };
}

function lowerMatchBlock(body: LoweringBody, stmt: MatchStmt, out: IRStmt[]): IRBlock {
  const subject = lowerValue(body, stmt.subject, out);
  const binding = stmt.binding?.text;
  const block: IRBlock = {
    kind: 'match',
    subject,
    arms: lowerArms(body, stmt.arms),
    ...(binding !== undefined && { result_binding: binding }),
    source_location: body.location(stmt.span),
  };
  return body.placed(block, stmt.span);
}

function lowerArms(body: LoweringBody, arms: readonly MatchArm[]): readonly IRBlockArm[] {
  return arms.map(({ pattern, guard, body: value }) => {
    const head = { pattern: lowerPattern(pattern), ...(guard && { guard: lowerPure(body, guard) }) };
    const { before, value: result } = isStatements(value)
      ? lastValue(body, pattern, value)
      : { before: [], value };
    const blocks = [...lowerBlocks(body, before)];
    if (!result) return { ...head, body: blocks };
    const statements: IRStmt[] = [];
    const lowered = lowerValue(body, result, statements);
    if (statements.length > 0) {
      const block: IRBlock = { kind: 'rigid', implicit: true, statements };
      blocks.push(body.placed(block, result.span));
    }
    return { ...head, body: blocks, value: lowered };
  });
}

function lowerCheckpoint(body: LoweringBody, block: Of<'checkpoint'>, out: IRStmt[]): IRBlock {
  const value = (name: string): IRExpr | undefined => {
    const field = fieldNamed(block.fields, name);
    return field && lowerValue(body, field, out);
  };
  const fields: Record<string, IRExpr> = {};
  for (const name of ['present', 'options', 'timeout', 'on_timeout', 'hitl_target', 'assignee', 'priority']) {
    const lowered = value(name);
    if (lowered) fields[name] = lowered;
  }
  // `prompt` of a literal `present` is looked at by itself, the rest is what is shown.
  const { present } = fields;
  const prompt =
    present?.kind === 'object' ? present.fields.find(({ name }) => name === 'prompt') : undefined;
  return {
    kind: 'checkpoint',
    checkpoint_type: block.checkpoint?.text ?? 'approval',
    ...(prompt && { prompt: prompt.value }),
    ...fields,
    ...(block.arms && { on_response: lowerArms(body, block.arms) }),
  };
}

function lowerCoreCall(body: LoweringBody, block: Of<'core_call'>, out: IRStmt[]): IRBlock {
  const { fields } = block;
  const flow = wordIn(fieldNamed(fields, 'flow'));
  const input = fieldNamed(fields, 'input');
  const key = fieldNamed(fields, 'instance_key');
  const timeout = fieldNamed(fields, 'timeout');
  const version = constantField(fields, 'version');
  return {
    kind: 'core_call',
    target: block.target?.text ?? wordIn(fieldNamed(fields, 'target')) ?? '',
    ...(flow !== undefined && { flow_name: flow }),
    input_bindings: input ? inputBindings(body, input, out) : {},
    ...(key && { instance_key: lowerValue(body, key, out) }),
    ...(typeof version === 'string' && { version }),
    ...(timeout && { timeout: lowerValue(body, timeout, out) }),
    is_async: constantFields(fields)['is_async'] === true,
  };
}

/** Of a value that is no literal object: the fields that its type has, or all of it as `input`. */
function inputBindings(body: LoweringBody, input: Expr, out: IRStmt[]): IRBindings {
  if (input.kind === 'object') return lowerBindings(body, input.fields, out);
  const object = lowerValue(body, input, out);
  const type = body.typeOf(input);
  if (type.kind !== 'object') return { input: object };
  return Object.fromEntries(type.fields.map(({ name }) => [name, { kind: 'field', object, name }]));
}

function lowerAwait(body: LoweringBody, block: Of<'await_responses'>, out: IRStmt[]): IRBlock {
  const from = fieldNamed(block.fields, 'from');
  const timeout = fieldNamed(block.fields, 'timeout');
  const handles =
    from?.kind === 'list'
      ? from.items.map((item) => lowerValue(body, item, out))
      : from
        ? [lowerValue(body, from, out)]
        : [];
  return {
    kind: 'await_responses',
    handles,
    mode: wordIn(fieldNamed(block.fields, 'mode')) === 'any' ? 'any' : 'all',
    ...(timeout && { timeout: lowerValue(body, timeout, out) }),
  };
}
