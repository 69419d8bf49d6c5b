// Statements and blocks that never wait, as closures nested in each other: they run to their end in one go.
//   S1. Back edges and calls burn fuel, so that no program holds the process for ever.
import { unreachable } from '../../base/assert.ts';
import type { IRBlock, IRBlockArm, IRStmt, JsonValue } from '../ir/ir.ts';
import { costOf, costOfBlocks } from './analysis.ts';
import { boolOf } from './arithmetic.ts';
import { compileEx, compileExpr, noArm } from './compile-expr.ts';
import { compilePattern } from './compile-pattern.ts';
import { bindingOf, catchOf, toProgramError } from './caught.ts';
import { withBodyResult, withResult } from './block-result.ts';
import { emitEffect, hostCallEffect } from './effects.ts';
import { ScaiCoreError } from './errors.ts';
import { type Execution, executionOf } from './execution.ts';
import type { FlowContext } from './flow-context.ts';
import { growingAssign } from './growing.ts';
import { entriesOf } from './stdlib/maps.ts';
import {
  BREAK,
  type Completion,
  CONTINUE,
  DONE,
  plain,
  RETURN,
  sequence,
  type SyncCode,
} from './sync-code.ts';
import { type BlockLabel, labelOf } from './telemetry.ts';
import { type Ex, isList, isObject, type Slots, withPath, wrongKind } from './values.ts';

export function syncStmts(statements: readonly IRStmt[], context: FlowContext): SyncCode {
  return sequence(statements.map((statement) => syncStmt(statement, context)));
}

export function syncBlocks(blocks: readonly IRBlock[], context: FlowContext): SyncCode {
  return sequence(blocks.map((block) => syncBlock(block, context)));
}

/** `emitBody` for blocks that never wait. */
function syncBody(
  blocks: readonly IRBlock[],
  name: string | null | undefined,
  context: FlowContext,
): SyncCode {
  if (typeof name !== 'string') return syncBlocks(blocks, context);
  const settingBlocks = withBodyResult(blocks, name);
  if (settingBlocks) return syncBlocks(settingBlocks, context);
  return sequence([syncBlocks(blocks, context), store(name, () => null, context)]);
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

type AssignStmt = IRStmt & { readonly kind: 'assign' };

function assign(statement: AssignStmt, context: FlowContext): SyncCode {
  const general = plainAssign(statement, context);
  return growingAssign(statement, general, context) ?? general;
}

function plainAssign(statement: AssignStmt, context: FlowContext): SyncCode {
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
  return reported(
    code,
    labelOf(block),
    typeof name === 'string' ? compileEx({ kind: 'ref', name }, context) : undefined,
  );
}

/** With the events of a block around it. */
function reported({ run, isPlain }: SyncCode, label: BlockLabel, value: Ex | undefined): SyncCode {
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
      telemetry?.exited(label, value?.(s) ?? null);
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
  const body = syncBody(block.body, block.result_binding, context);
  const arms = block.catches.map((clause) => ({
    errorType: clause.error_type,
    slot: clause.binding === undefined ? undefined : context.names.slotOf(clause.binding),
    code: syncBody(clause.body, block.result_binding, context),
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
