// Bodies: lists of blocks, the value of a list, and arms of which one is chosen.
import type { IRBlock, IRBlockArm, IRPath } from '../ir/ir.ts';
import { withBodyResult } from './block-result.ts';
import { compileEx } from './compile-expr.ts';
import { armFor } from './compile-stmt.ts';
import { armHead } from './compile-sync.ts';
import { DONE, type SyncCode } from './sync-code.ts';
import type { Emitter } from './emitter.ts';
import type { FlowContext } from './flow-context.ts';
import type { Ex } from './values.ts';

export function emitBlocks(
  out: Emitter,
  blocks: readonly IRBlock[],
  path: IRPath,
  context: FlowContext,
): void {
  for (const [index, block] of blocks.entries()) out.passes.block(out, block, [...path, index], context);
}

export function storing(name: string | null | undefined, value: Ex, context: FlowContext): SyncCode {
  const slot = typeof name === 'string' ? context.names.slotOf(name) : context.names.hidden();
  return {
    run: (s) => {
      s[slot] = value(s);
      return DONE;
    },
    isPlain: true,
  };
}

/** Emits a body whose value is given to `name`. */
export function emitBody(
  out: Emitter,
  blocks: readonly IRBlock[],
  path: IRPath,
  name: string | null | undefined,
  context: FlowContext,
): void {
  const settingBlocks = typeof name === 'string' ? withBodyResult(blocks, name) : blocks;
  emitBlocks(out, settingBlocks ?? blocks, path, context);
  if (!settingBlocks) out.sync(storing(name, () => null, context));
}

/** Arms with bodies of blocks; `dispatch` emits what chooses one of them. */
export function emitArms(
  out: Emitter,
  block: IRBlock,
  arms: readonly IRBlockArm[],
  path: IRPath,
  context: FlowContext,
  dispatch: (choose: (slots: Parameters<Ex>[0], value: ReturnType<Ex>) => number) => void,
): void {
  const heads = arms.map((arm) => ({ ...armHead(arm, context), target: out.label() }));
  dispatch((slots, value) => armFor(heads, slots, value).pc);
  const end = out.label();
  for (const [index, arm] of arms.entries()) {
    const head = heads[index];
    if (head) out.place(head.target);
    emitBlocks(out, arm.body, [...path, index, 'body'], context);
    const value = arm.value ? compileEx(arm.value, context) : () => null;
    out.sync(storing(block.result_binding, value, context));
    out.jump(end);
  }
  out.place(end);
}
