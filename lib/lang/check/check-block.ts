// Blocks but those of models: what stands in them, which value they give. Each has its own function; the table of fields
// of each kind stands beside it.
import type { BlockStmt, Stmt } from '../syntax/ast.ts';
import { ERROR_TYPES } from '../interp/errors.ts';
import { arrayOf, DYNAMIC, NEVER, NULL, objectOf, STRING } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import type { Body, LoopContext } from './body.ts';
import { bindName } from './check-assign.ts';
import { checkCheckpoint } from './check-checkpoint.ts';
import { checkAwait, checkCoreCall } from './check-core-call.ts';
import { checkModelBlock } from './check-model-block.ts';
import { requireBool } from './check-operator.ts';
import { EFFECT } from './effects.ts';
import { boolConstant, checkFields, countConstant, LIMITS } from './field-rules.ts';
import type { Branch } from './flow-state.ts';
import { assume } from './narrowing.ts';
import { keywordSpan } from './keyword-span.ts';
import { didYouMean } from '../source/nearest.ts';
import { assignedNames } from './assigned-names.ts';

type Of<Kind extends BlockStmt['kind']> = BlockStmt & { readonly kind: Kind };

/** Gives the type of its value; the `null` type if it has none. */
export function checkBlock(body: Body, block: BlockStmt): Type {
  switch (block.kind) {
    case 'rigid':
      return body.statements(block.body);
    case 'debug':
      return checkDebug(body, block);
    case 'flexible':
    case 'guarded':
    case 'model_call':
      return checkModelBlock(body, block);
    case 'parallel':
      return checkParallel(body, block);
    case 'foreach':
      return checkForeach(body, block);
    case 'while':
      return checkWhile(body, block);
    case 'checkpoint':
      return checkCheckpoint(body, block);
    case 'core_call':
      return checkCoreCall(body, block);
    case 'await_responses':
      return checkAwait(body, block);
    case 'try':
      return checkTry(body, block);
    case 'budget':
      checkFields(body, '@budget', block.span, block.limits, LIMITS);
      compound(body, block, '@budget');
      return body.statements(block.body);
  }
}

function compound(body: Body, block: BlockStmt, what: string): void {
  body.effect(EFFECT.compound, block.span, what);
}

/** Compiled away where nobody asked for it: what it sets may not be set. */
function checkDebug(body: Body, block: Of<'rigid' | 'debug'>): Type {
  compound(body, block, '@debug');
  let value: Type = NULL;
  const run = body.branch(() => {
    value = body.statements(block.body);
  });
  body.merge([run, body.branch(() => undefined)]);
  return body.program.table.join(value, NULL);
}

// ---- Parallel ----

const PARALLEL = { rules: { max_concurrent: countConstant, fail_fast: boolConstant } };

function checkParallel(body: Body, block: Of<'parallel'>): Type {
  checkFields(body, '@parallel', block.span, block.options, PARALLEL);
  compound(body, block, '@parallel');
  const results = new Map<string, Type>();
  const { memoryWrites } = body;
  const branches = block.body.map((stmt) =>
    body.branch(() => {
      const name = branchName(stmt);
      const loop: LoopContext = { kind: 'parallel', yielded: NEVER };
      body.loops.push(loop);
      body.flow.set(YIELDED, undefined);
      if (body.memoryWrites > memoryWrites) body.forgetMemory();
      body.statements([stmt]);
      body.loops.pop();
      if (name === undefined) return;
      const variable = body.variables.get(name);
      const bound = body.flow.get(name)?.type ?? variable?.declared ?? DYNAMIC;
      const isYielded = body.flow.get(YIELDED)?.set === 'yes';
      const value = isYielded ? loop.yielded : body.program.table.join(bound, loop.yielded);
      // What is yielded is what the name stands for, too.
      if (loop.yielded.kind !== 'never') bindYielded(body, stmt, value);
      results.set(name, value);
      if (variable) variable.isRead = true;
    }),
  );
  body.flow.applyAll(branches, body.program.table);
  // Memory is one for all branches, and they write it in any order.
  if (body.memoryWrites > memoryWrites) body.forgetMemory();
  return objectOf([...results].map(([name, type]) => ({ name, type })));
}

/** The fact that a branch has yielded; no variable has this name. */
const YIELDED = 'yield';

function bindYielded(body: Body, stmt: Stmt, type: Type): void {
  if (stmt.kind === 'assign' || !('binding' in stmt) || !stmt.binding) return;
  const { text } = stmt.binding;
  const variable = body.variables.get(text);
  if (!variable) return;
  if (variable.isInferred) variable.declared = body.program.table.join(variable.declared, type);
  else if (!body.program.table.isAssignable(type, variable.declared)) bindName(body, stmt.binding, type);
  body.flow.set(text, { set: 'yes', type: variable.isInferred ? type : undefined });
}

function branchName(stmt: Stmt): string | undefined {
  if (stmt.kind === 'assign') return stmt.target.kind === 'ref' ? stmt.target.name : undefined;
  return 'binding' in stmt ? stmt.binding?.text : undefined;
}

// ---- Loops ----

const FOREACH = { rules: { max_concurrent: countConstant } };

function checkForeach(body: Body, block: Of<'foreach'>): Type {
  checkFields(body, '@foreach', block.span, block.options, FOREACH);
  compound(body, block, '@foreach');
  const item = itemType(body, block);
  const loop: LoopContext = { kind: 'foreach', yielded: NEVER };
  const names = [{ name: block.item, type: item, kind: 'local' as const }];
  const { index } = block;
  const all = index ? [...names, { name: index, type: INDEX, kind: 'local' as const }] : names;
  runLoop(body, loop, block.body, () => {
    body.withBindings(all, () => body.statements(block.body));
  });
  return arrayOf(loop.yielded);
}

const INDEX: Type = { kind: 'primitive', name: 'int' };

function itemType(body: Body, block: Of<'foreach'>): Type {
  const { table } = body.program;
  const type = body.infer(block.iterable);
  const whole = table.expand(type);
  switch (whole.kind) {
    case 'array':
      return whole.item;
    case 'map':
      return objectOf([
        { name: 'key', type: whole.key },
        { name: 'value', type: whole.value },
      ]);
    case 'dynamic':
    case 'never':
      return DYNAMIC;
    default: {
      const code = table.isNullable(whole) ? 'E311' : 'E300';
      body.error(code, block.iterable.span, `expected a list or a map, found ${printType(type)}`);
      return DYNAMIC;
    }
  }
}

function checkWhile(body: Body, block: Of<'while'>): Type {
  const hint = 'add (max_iterations = 10)';
  const isBounded = block.options.some(({ name }) => name.text === 'max_iterations');
  if (!isBounded)
    body.error('E401', keywordSpan(body, block, '@while'), '@while has no upper bound', { hint });
  checkFields(body, '@while', block.span, block.options, { rules: { max_iterations: loopBound } });
  compound(body, block, '@while');
  runLoop(body, { kind: 'while', yielded: NEVER }, block.body, () => {
    requireBool(body, block.condition, body.infer(block.condition));
    if (block.condition.kind === 'bool' && !block.condition.value)
      body.error('W404', block.condition.span, 'always false');
    assume(body, block.condition, true);
    body.statements(block.body);
  });
  return NULL;
}

const loopBound: typeof countConstant = (body, value) => {
  body.infer(value);
  if (value.kind !== 'int' || value.value < 1)
    body.error('E401', value.span, "'max_iterations' has to be a positive whole number");
};

/**
 * What the body writes is unknown where it begins, for it may have run before; behind the loop it may never have run.
 */
function runLoop(body: Body, loop: LoopContext, statements: readonly Stmt[], run: () => void): void {
  forgetAssigned(body, statements);
  body.loops.push(loop);
  const once = body.branch(run);
  body.loops.pop();
  // A `break` may have come from anywhere, so only what was known before the body holds behind it.
  const changes = new Map([...once.changes].filter(([name, fact]) => fact && !body.flow.get(name)));
  body.merge([
    { changes, isReachable: true },
    { changes: new Map(), isReachable: true },
  ]);
}

function forgetAssigned(body: Body, statements: readonly Stmt[]): void {
  for (const name of assignedNames(statements, body.program.assignedNames)) {
    const fact = body.flow.get(name);
    const variable = body.variables.get(name);
    if (fact && variable) body.flow.set(name, { set: fact.set });
  }
  body.forgetMemory();
}

// ---- Try ----

const ERROR_VALUE = objectOf([
  { name: 'type', type: STRING },
  { name: 'message', type: STRING },
  { name: 'details', type: DYNAMIC },
]);

function checkTry(body: Body, block: Of<'try'>): Type {
  const { table } = body.program;
  compound(body, block, '@try');
  let value: Type = NEVER;
  const memoryWrites = body.memoryWrites;
  const whole = body.branch(() => {
    value = body.statements(block.body);
  });
  const branches = [whole];
  const mayWriteMemory = body.memoryWrites > memoryWrites;
  for (const { error, binding, body: statements } of block.catches) {
    if (error && !Object.hasOwn(ERROR_TYPES, error.text)) {
      const hint = didYouMean(error.text, Object.keys(ERROR_TYPES));
      body.error('E113', error.span, `there is no class of errors '${error.text}'`, hint);
    }
    branches.push(
      body.branch(() => {
        forgetBroken(body, block.body, whole);
        if (mayWriteMemory) body.forgetMemory();
        const bindings = binding ? [{ name: binding, type: ERROR_VALUE, kind: 'local' as const }] : [];
        value = table.join(
          value,
          body.withBindings(bindings, () => body.statements(statements)),
        );
      }),
    );
  }
  body.merge(branches);
  return value.kind === 'never' ? NULL : value;
}

/** The error may have come before or after anything in the body, also on a way that does not reach its end. */
function forgetBroken(body: Body, statements: readonly Stmt[], whole: Branch): void {
  for (const name of assignedNames(statements, body.program.assignedNames)) {
    const before = body.flow.get(name);
    if (body.variables.has(name) && (before ?? whole.changes.get(name)))
      body.flow.set(name, { set: before?.set ?? 'maybe' });
  }
}
