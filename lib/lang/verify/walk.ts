// Walks blocks and statements with what is around them. One walk serves all rules that look at places.
import type { IRBlock, IRFlow, IRStmt } from '../ir/ir.ts';

/** What a place is inside of. */
export interface Place {
  readonly flow: IRFlow;
  /** In an explicit `@rigid`, or in a block inside of one. */
  readonly isRigid: boolean;
  /** In a branch of `@parallel`, or in a concurrent `@foreach`. */
  readonly isParallel: boolean;
  /** What a `break` would leave. */
  readonly around: 'nothing' | 'loop' | 'branch';
}

export interface Visitor {
  block?(block: IRBlock, place: Place): void;
  stmt?(stmt: IRStmt, place: Place): void;
  /** Each list of blocks and of statements, whole. */
  list?(list: readonly (IRBlock | IRStmt)[], place: Place): void;
}

export function walkFlow(flow: IRFlow, visitor: Visitor): void {
  walkBlocks(flow.body, { flow, isRigid: false, isParallel: false, around: 'nothing' }, visitor);
}

function walkBlocks(blocks: readonly IRBlock[], place: Place, visitor: Visitor): void {
  visitor.list?.(blocks, place);
  for (const block of blocks) walkBlock(block, place, visitor);
}

function walkBlock(block: IRBlock, place: Place, visitor: Visitor): void {
  visitor.block?.(block, place);
  switch (block.kind) {
    case 'rigid':
    case 'debug': {
      const isRigid = place.isRigid || (block.kind === 'rigid' && block.implicit !== true);
      walkStatements(block.statements, isRigid === place.isRigid ? place : { ...place, isRigid }, visitor);
      return;
    }
    case 'flexible':
    case 'guarded':
      walkBlocks(block.on_validation_failure ?? [], place, visitor);
      return;
    case 'parallel':
      for (const branch of block.branches)
        walkBlocks(branch.body, { ...place, isParallel: true, around: 'branch' }, visitor);
      return;
    case 'foreach': {
      const isConcurrent = block.max_concurrent !== undefined;
      const around = isConcurrent ? 'branch' : 'loop';
      walkBlocks(block.body, { ...place, isParallel: place.isParallel || isConcurrent, around }, visitor);
      return;
    }
    case 'while':
      walkStatements(block.prepare ?? [], place, visitor);
      walkBlocks(block.body, { ...place, around: 'loop' }, visitor);
      return;
    case 'match':
      for (const arm of block.arms) walkBlocks(arm.body, place, visitor);
      return;
    case 'try':
      walkBlocks(block.body, place, visitor);
      for (const each of block.catches) walkBlocks(each.body, place, visitor);
      return;
    case 'checkpoint':
      for (const arm of block.on_response ?? []) walkBlocks(arm.body, place, visitor);
      return;
    case 'budget':
      walkBlocks(block.body, place, visitor);
      return;
    case 'model_call':
    case 'core_call':
    case 'await_responses':
      return;
  }
}

function walkStatements(stmts: readonly IRStmt[], place: Place, visitor: Visitor): void {
  visitor.list?.(stmts, place);
  for (const stmt of stmts) {
    visitor.stmt?.(stmt, place);
    if (stmt.kind === 'if') {
      walkStatements(stmt.then, place, visitor);
      walkStatements(stmt.otherwise ?? [], place, visitor);
    } else if (stmt.kind === 'match') for (const arm of stmt.arms) walkStatements(arm.body, place, visitor);
    else if (stmt.kind === 'block') walkBlock(stmt.block, place, visitor);
  }
}
