// E404: what stands behind a `return`, `break` or `continue` never runs. E401: loops without a bound.
import type { IRBlock, IRStmt } from '../ir/ir.ts';
import type { Find } from './finding.ts';
import type { Visitor } from './walk.ts';

export function reachableRule(find: Find): Visitor {
  return {
    list(list) {
      const end = list.findIndex(isEnd);
      const next = end < 0 ? undefined : list[end + 1];
      if (next) find('E404', next, 'this is never reached');
    },
    block(block) {
      if (block.kind !== 'while') return;
      const { max_iterations: max } = block;
      if (!Number.isSafeInteger(max) || max < 1)
        find('E401', block, 'a loop needs a positive max_iterations');
    },
  };
}

/** Whether nothing behind it runs. Loops and tries are not looked into: they may be left in other ways. */
function isEnd(node: IRBlock | IRStmt): boolean {
  switch (node.kind) {
    case 'return':
    case 'break':
    case 'continue':
      return true;
    case 'block':
      return isEnd(node.block);
    case 'rigid':
      return node.statements.some(isEnd);
    case 'budget':
      return node.body.some(isEnd);
    case 'if':
      return node.then.some(isEnd) && (node.otherwise ?? []).some(isEnd);
    default:
      return false;
  }
}
