// Which statements, blocks and flows never wait and never suspend. Those become closures that run to their end at full
// speed; everything else becomes instructions. A flow is such a one if all that it calls is: the largest set for which
// that holds, so that flows which call each other are in it.
import type { IRBlock, IRBlockArm, IRFlow, IRModule, IRStmt } from '../ir/ir.ts';

export function syncFlows(module: IRModule): ReadonlySet<string> {
  const flows = [...module.flows, ...module.functions];
  const sync = new Set(flows.map(({ name }) => name));
  for (let isStable = false; !isStable;) {
    isStable = true;
    for (const flow of flows) {
      if (!sync.has(flow.name) || isSyncFlow(flow, sync)) continue;
      sync.delete(flow.name);
      isStable = false;
    }
  }
  return sync;
}

function isSyncFlow(flow: IRFlow, sync: ReadonlySet<string>): boolean {
  return areSyncBlocks(flow.body, sync);
}

export function areSyncBlocks(blocks: readonly IRBlock[], sync: ReadonlySet<string>): boolean {
  return blocks.every((block) => isSyncBlock(block, sync));
}

export function areSyncStmts(statements: readonly IRStmt[], sync: ReadonlySet<string>): boolean {
  return statements.every((statement) => isSyncStmt(statement, sync));
}

const areSyncArms = (arms: readonly IRBlockArm[], sync: ReadonlySet<string>): boolean =>
  arms.every(({ body }) => areSyncBlocks(body, sync));

export function isSyncBlock(block: IRBlock, sync: ReadonlySet<string>): boolean {
  switch (block.kind) {
    case 'rigid':
    case 'debug':
      return areSyncStmts(block.statements, sync);
    case 'while':
      return areSyncStmts(block.prepare ?? [], sync) && areSyncBlocks(block.body, sync);
    case 'foreach':
      return block.max_concurrent === undefined && areSyncBlocks(block.body, sync);
    case 'match':
      return areSyncArms(block.arms, sync);
    case 'try':
      return areSyncBlocks(block.body, sync) && block.catches.every(({ body }) => areSyncBlocks(body, sync));
    case 'flexible':
    case 'guarded':
    case 'model_call':
    case 'parallel':
    case 'checkpoint':
    case 'core_call':
    case 'await_responses':
    case 'budget':
      return false;
  }
}

export function isSyncStmt(statement: IRStmt, sync: ReadonlySet<string>): boolean {
  switch (statement.kind) {
    case 'assign':
    case 'expression':
    case 'host_call':
    case 'return':
    case 'yield':
    case 'break':
    case 'continue':
    case 'emit':
      return true;
    case 'plugin_call':
    case 'memory_op':
    case 'reference_search':
      return false;
    case 'flow_call':
      return sync.has(statement.flow);
    case 'if':
      return areSyncStmts(statement.then, sync) && areSyncStmts(statement.otherwise ?? [], sync);
    case 'match':
      return statement.arms.every(({ body }) => areSyncStmts(body, sync));
    case 'block':
      return isSyncBlock(statement.block, sync);
  }
}

/** Steps that one run of these statements costs, without what loops in them cost by themselves. */
export function costOf(statements: readonly IRStmt[]): number {
  return statements.reduce((sum, statement) => sum + costOfStmt(statement), 0);
}

export function costOfBlocks(blocks: readonly IRBlock[]): number {
  return blocks.reduce((sum, block) => sum + costOfBlock(block), 0);
}

function costOfStmt(statement: IRStmt): number {
  switch (statement.kind) {
    case 'if':
      return 1 + Math.max(costOf(statement.then), costOf(statement.otherwise ?? []));
    case 'match':
      return 1 + Math.max(0, ...statement.arms.map(({ body }) => costOf(body)));
    case 'block':
      return costOfBlock(statement.block);
    default:
      return 1;
  }
}

function costOfBlock(block: IRBlock): number {
  switch (block.kind) {
    case 'rigid':
    case 'debug':
      return costOf(block.statements);
    case 'match':
      return 1 + Math.max(0, ...block.arms.map(({ body }) => costOfBlocks(body)));
    case 'try':
    case 'budget':
      return 1 + costOfBlocks(block.body);
    default:
      return 1;
  }
}
