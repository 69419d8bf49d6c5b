// E310: branches and iterations that run at once end by themselves; they cannot end what is around them.
import type { Find } from './finding.ts';
import type { Visitor } from './walk.ts';

export function jumpRule(find: Find): Visitor {
  return {
    stmt(stmt, { isParallel, around }) {
      const isLost = stmt.kind === 'return' ? isParallel : stmt.kind === 'break' && around === 'branch';
      if (isLost) find('E310', stmt, `'${stmt.kind}' cannot stand in what runs at once with others`);
    },
  };
}
