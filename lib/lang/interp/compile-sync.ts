// Statements and blocks that never wait, as closures nested in each other: they run to their end in one go.
//   S1. A closure answers how it ended: `DONE`, or what its surroundings have to do. A returned value waits in the
//       execution's `returned`.
//   S2. Back edges and calls burn fuel, so that no program holds the process for ever.
import { unreachable } from '../../base/assert.ts';
import type { IRBlock, IRBlockArm, IRExpr, IRStmt, JsonValue } from '../ir/ir.ts';
import { costOf, costOfBlocks } from './analysis.ts';
import { boolOf } from './arithmetic.ts';
import { compileEx, compileExpr, noArm } from './compile-expr.ts';
import { compilePattern } from './compile-pattern.ts';
import { bindingOf, catchOf, toProgramError } from './caught.ts';
import { emitEffect, hostCallEffect } from './effects.ts';
import { ScaiCoreError } from './errors.ts';
import { type Execution, executionOf } from './execution.ts';
import type { FlowContext } from './flow-context.ts';
import { entriesOf } from './stdlib/maps.ts';
import { type BlockLabel, labelOf } from './telemetry.ts';
import { type Ex, isList, isObject, type Slots, withPath, wrongKind } from './values.ts';

export const DONE = 0;
export const BREAK = 1;
export const CONTINUE = 2;
export const RETURN = 3;
export type Completion = typeof DONE | typeof BREAK | typeof CONTINUE | typeof RETURN;
export type Run = (slots: Slots) => Completion;

/** `isPlain`: it always ends with `DONE`, so nobody has to look. */
export interface SyncCode {
  readonly run: Run;
  readonly isPlain: boolean;
}

const NOTHING: SyncCode = { run: () => DONE, isPlain: true };
const plain = (run: Run): SyncCode => ({ run, isPlain: true });

// ---- Sequences ----

export function sequence(parts: readonly SyncCode[]): SyncCode {
  const [first, second, third] = parts;
  if (first === undefined) return NOTHING;
  if (second === undefined) return first;
  if (third !== undefined) {
    const half = parts.length === 3 ? 1 : parts.length >> 1;
    return pair(sequence(parts.slice(0, half)), sequence(parts.slice(half)));
  }
  return pair(first, second);
}

function pair(first: SyncCode, second: SyncCode): SyncCode {
  const [one, two] = [first.run, second.run];
  const isPlain = first.isPlain && second.isPlain;
  if (first.isPlain)
    return {
      run: (s) => {
        one(s);
        return two(s);
      },
      isPlain,
    };
  return {
    run: (s) => {
      const ended = one(s);
      return ended === DONE ? two(s) : ended;
    },
    isPlain,
  };
}

export function syncStmts(statements: readonly IRStmt[], context: FlowContext): SyncCode {
  return sequence(statements.map((statement) => syncStmt(statement, context)));
}

export function syncBlocks(blocks: readonly IRBlock[], context: FlowContext): SyncCode {
  return sequence(blocks.map((block) => syncBlock(block, context)));
}

// ---- Statements ----

export function syncStmt(statement: IRStmt, context: FlowContext): SyncCode {
  switch (statement.kind) {
    case 'assign':
      return assign(statement, context);
    case 'expression':
      return store(statement.result_binding, compileEx(statement.expression, context), context);
    case 'host_call':
      return store(statement.result_binding, hostCallEffect(statement, context), context);
    case 'emit': {
      const emit = emitEffect(statement, context);
      return plain((s) => (emit(s), DONE));
    }
    case 'flow_call':
      return store(statement.result_binding, flowCallEx(statement, context), context);
    case 'if':
      return ifCode(statement, context);
    case 'match':
      return matchStmt(statement, context);
    case 'return':
      return returnCode(statement.value && compileEx(statement.value, context));
    case 'yield':
      return yieldCode(compileEx(statement.value, context), context);
    case 'break':
      return { run: () => BREAK, isPlain: false };
    case 'continue':
      return { run: () => CONTINUE, isPlain: false };
    case 'block':
      return syncBlock(statement.block, context);
    case 'plugin_call':
    case 'memory_op':
    case 'reference_search':
      throw new Error(`${statement.kind} may wait: it is no synchronous statement`);
    default:
      return unreachable(statement);
  }
}

function store(name: string | undefined | null, ex: Ex, context: FlowContext): SyncCode {
  if (name === undefined || name === null) return plain((s) => (ex(s), DONE));
  const slot = context.names.slotOf(name);
  return plain((s) => {
    s[slot] = ex(s);
    return DONE;
  });
}

function assign(statement: IRStmt & { readonly kind: 'assign' }, context: FlowContext): SyncCode {
  const { name, path = [] } = statement.target;
  const value = compileExpr(statement.value, context);
  const slot = context.names.slotOf(name);
  if (path.length > 0) {
    const steps = path.map((step): Ex => (typeof step === 'string' ? () => step : compileEx(step, context)));
    return plain((s) => {
      const way = steps.map((step) => step(s));
      s[slot] = withPath(s[slot] as JsonValue, way, value.run(s));
      return DONE;
    });
  }
  if (value.slot !== undefined) {
    const from = value.slot;
    return plain((s) => {
      s[slot] = s[from] as JsonValue;
      return DONE;
    });
  }
  const { run } = value;
  return plain((s) => {
    s[slot] = run(s);
    return DONE;
  });
}

function flowCallEx(statement: IRStmt & { readonly kind: 'flow_call' }, context: FlowContext): Ex {
  return compileEx({ kind: 'pure_call', flow: statement.flow, args: statement.args }, context);
}

function ifCode(statement: IRStmt & { readonly kind: 'if' }, context: FlowContext): SyncCode {
  const condition = compileEx(statement.condition, context);
  const then = syncStmts(statement.then, context);
  const otherwise = syncStmts(statement.otherwise ?? [], context);
  const [yes, no] = [then.run, otherwise.run];
  return {
    run: (s) => (boolOf(condition(s)) ? yes(s) : no(s)),
    isPlain: then.isPlain && otherwise.isPlain,
  };
}

function matchStmt(statement: IRStmt & { readonly kind: 'match' }, context: FlowContext): SyncCode {
  const arms = statement.arms.map((arm) => ({
    ...armHead(arm, context),
    code: syncStmts(arm.body, context),
  }));
  return armsCode(compileEx(statement.subject, context), arms);
}

interface ArmHead {
  readonly fits: (slots: Slots, value: JsonValue) => boolean;
}

export function armHead(arm: Pick<IRBlockArm, 'pattern' | 'guard'>, context: FlowContext): ArmHead {
  const test = compilePattern(arm.pattern, context.names);
  if (!arm.guard) return { fits: test };
  const guard = compileEx(arm.guard, context);
  return { fits: (s, value) => test(s, value) && boolOf(guard(s)) };
}

function armsCode(subject: Ex, arms: readonly (ArmHead & { readonly code: SyncCode })[]): SyncCode {
  return {
    run: (s) => {
      const value = subject(s);
      for (const { fits, code } of arms) if (fits(s, value)) return code.run(s);
      throw noArm(value);
    },
    isPlain: arms.every(({ code }) => code.isPlain),
  };
}

function returnCode(value: Ex | undefined): SyncCode {
  return {
    run: (s) => {
      executionOf(s).returned = value ? value(s) : null;
      return RETURN;
    },
    isPlain: false,
  };
}

function yieldCode(value: Ex, context: FlowContext): SyncCode {
  const { yieldTo } = context;
  if (!yieldTo) throw new ScaiCoreError('LoadError', 'yield stands outside of @foreach and @parallel');
  const { slot } = yieldTo;
  // The list is nobody's value before its loop has ended.
  return plain((s) => {
    (s[slot] as JsonValue[]).push(value(s));
    return DONE;
  });
}

// ---- Blocks ----

export function syncBlock(block: IRBlock, context: FlowContext): SyncCode {
  const code = bareBlock(block, context);
  if (!context.hasTelemetry) return code;
  const name = block.result_binding;
  return reported(code, labelOf(block), typeof name === 'string' ? context.names.slotOf(name) : undefined);
}

/** With the events of a block around it. */
function reported({ run, isPlain }: SyncCode, label: BlockLabel, slot: number | undefined): SyncCode {
  return {
    run: (s) => {
      const { telemetry } = executionOf(s);
      telemetry?.entered(label);
      let ended: Completion;
      try {
        ended = run(s);
      } catch (error) {
        const failure = toProgramError(error);
        telemetry?.blockFailed(label, failure);
        throw failure;
      }
      telemetry?.exited(label, slot === undefined ? null : (s[slot] as JsonValue));
      return ended;
    },
    isPlain,
  };
}

function bareBlock(block: IRBlock, context: FlowContext): SyncCode {
  switch (block.kind) {
    case 'rigid':
    case 'debug':
      return syncStmts(withResult(block.statements, block.result_binding), context);
    case 'while':
      return whileCode(block, context);
    case 'foreach':
      return foreachCode(block, context);
    case 'match': {
      const arms = block.arms.map((arm) => ({
        ...armHead(arm, context),
        code: armBody(arm, block, context),
      }));
      return armsCode(compileEx(block.subject, context), arms);
    }
    case 'try':
      return tryCode(block, context);
    default:
      throw new Error(`${block.kind} may wait: it is no synchronous block`);
  }
}

/** The value of plain statements is that of an expression at their end. */
export function withResult(
  statements: readonly IRStmt[],
  name: string | null | undefined,
): readonly IRStmt[] {
  if (name === undefined || name === null) return statements;
  const last = statements.at(-1);
  // The builder wrote the value where it belongs.
  if (last && setsName(last, name)) return statements;
  const isPlain = last?.kind === 'expression' && last.result_binding === undefined;
  return [
    ...(isPlain ? statements.slice(0, -1) : statements),
    { kind: 'assign', target: { name }, value: last ? valueOf(last) : NULL },
  ];
}

const NULL: IRExpr = { kind: 'literal', value: null };

/** Whether the statement sets the name on every way through it. */
function setsName(statement: IRStmt, name: string): boolean {
  const endsSetting = (body: readonly IRStmt[]): boolean => {
    const last = body.at(-1);
    return last !== undefined && setsName(last, name);
  };
  if (statement.kind === 'if') return endsSetting(statement.then) && endsSetting(statement.otherwise ?? []);
  if (statement.kind === 'match') return statement.arms.every(({ body }) => endsSetting(body));
  if (statement.kind === 'block') return statement.block.result_binding === name;
  return bindingNameOf(statement) === name;
}

function bindingNameOf(statement: IRStmt): string | undefined {
  if (statement.kind === 'assign') return statement.target.path ? undefined : statement.target.name;
  return 'result_binding' in statement ? statement.result_binding : undefined;
}

/** A call at the end was an expression in source, if the builder made up the name for what it gives. */
function valueOf(statement: IRStmt): IRExpr {
  if (statement.kind === 'expression') return statement.expression;
  const name = bindingNameOf(statement);
  return name?.startsWith('$') === true && statement.kind !== 'assign' ? { kind: 'ref', name } : NULL;
}

function armBody(arm: IRBlockArm, block: IRBlock, context: FlowContext): SyncCode {
  const body = syncBlocks(arm.body, context);
  const value = arm.value ? compileEx(arm.value, context) : () => null;
  return sequence([body, store(block.result_binding, value, context)]);
}

function whileCode(block: IRBlock & { readonly kind: 'while' }, context: FlowContext): SyncCode {
  const prepare = syncStmts(block.prepare ?? [], context).run;
  const hasPrepare = (block.prepare ?? []).length > 0;
  const condition = compileEx(block.condition, context);
  const { run: body, isPlain } = syncBlocks(block.body, context);
  const { max_iterations: max, is_lenient: isLenient } = block;
  const cost = 1 + costOf(block.prepare ?? []) + costOfBlocks(block.body);
  return {
    run: (s) => {
      const execution = executionOf(s);
      for (let count = 0; ; count += 1) {
        if (hasPrepare) prepare(s);
        const holds = condition(s);
        if (holds !== true) {
          boolOf(holds);
          return DONE;
        }
        if (count >= max) return loopLimit(max, isLenient);
        const ended = body(s);
        if (ended === BREAK) return DONE;
        if (ended === RETURN) return RETURN;
        execution.fuel -= cost;
        if (execution.fuel < execution.checkAt) execution.look();
      }
    },
    isPlain,
  };
}

export function loopLimit(max: number, isLenient: boolean | undefined): typeof DONE {
  if (isLenient === true) return DONE;
  throw new ScaiCoreError('LoopLimitError', `the loop did not end within ${max} iterations`, { max });
}

function foreachCode(block: IRBlock & { readonly kind: 'foreach' }, context: FlowContext): SyncCode {
  const { names } = context;
  const items = compileEx(block.iterable, context);
  const slot = names.slotOf(block.item);
  const indexSlot = block.index === undefined ? names.hidden() : names.slotOf(block.index);
  const collected = names.hidden();
  const { run: body, isPlain } = context.yieldingTo({ slot: collected }, () =>
    syncBlocks(block.body, context),
  );
  const result = typeof block.result_binding === 'string' ? names.slotOf(block.result_binding) : collected;
  const cost = 1 + costOfBlocks(block.body);
  return {
    run: (s) => {
      const execution = executionOf(s);
      s[collected] = [];
      const list = itemsOf(items(s));
      for (let index = 0; index < list.length; index += 1) {
        s[slot] = list[index] as JsonValue;
        s[indexSlot] = index;
        const ended = body(s);
        if (ended === BREAK) break;
        if (ended === RETURN) return RETURN;
        execution.fuel -= cost;
        if (execution.fuel < execution.checkAt) execution.look();
      }
      s[result] = s[collected];
      return DONE;
    },
    isPlain,
  };
}

/** What a loop goes over: a list, or the entries of a map. */
export function itemsOf(value: JsonValue): readonly JsonValue[] {
  if (isList(value)) return value;
  if (isObject(value)) return entriesOf(value);
  throw wrongKind(value, 'a list or a map');
}

function tryCode(block: IRBlock & { readonly kind: 'try' }, context: FlowContext): SyncCode {
  const body = syncBlocks(block.body, context);
  const arms = block.catches.map((clause) => ({
    errorType: clause.error_type,
    slot: clause.binding === undefined ? undefined : context.names.slotOf(clause.binding),
    code: syncBlocks(clause.body, context),
  }));
  return {
    run: (s) => {
      const execution: Execution = executionOf(s);
      const { depth } = execution;
      try {
        return body.run(s);
      } catch (error) {
        const failure = toProgramError(error);
        const arm = catchOf(arms, failure);
        if (!arm) throw failure;
        execution.depth = depth;
        if (arm.slot !== undefined) s[arm.slot] = bindingOf(failure);
        return arm.code.run(s);
      }
    },
    isPlain: body.isPlain && arms.every(({ code }) => code.isPlain),
  };
}
