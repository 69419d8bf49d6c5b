// STUB
import type { IRBlock, IRPath } from '../ir/ir.ts';
import type { Emitter } from './emitter.ts';
import type { FlowContext } from './flow-context.ts';
export function emitModelBlock(
  _out: Emitter,
  _block: IRBlock & { readonly kind: 'flexible' | 'guarded' },
  _path: IRPath,
  _context: FlowContext,
): void {
  throw new Error('not yet');
}
export function emitModelCall(
  _out: Emitter,
  _block: IRBlock & { readonly kind: 'model_call' },
  _context: FlowContext,
): void {
  throw new Error('not yet');
}
