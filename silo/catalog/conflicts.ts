// Conflicts: which changes of maps and lists collide when the turns that made them overlapped. Pure.
//   Two turns collide where one of them may have read what the other wrote: a `set` may rest on a `get` of its entry, a
//   `clear` or `trim` on a look at the whole. Increments and pushes rest on nothing, so they collide with nothing.
import type { CollectionChange } from '../storage/grain-storage.ts';

const NOTHING: readonly never[] = Object.freeze([]);

/** What a change leaves behind for overlapping turns to collide with. */
export function writeNames(change: CollectionChange): readonly string[] {
  switch (change.op) {
    case 'set':
    case 'delete':
    case 'increment':
      return [
        `any ${change.field}`,
        `${change.op === 'increment' ? 'add' : 'set'} ${change.field} ${change.key}`,
      ];
    case 'push':
      return [`any ${change.field}`];
    case 'trim':
    case 'clear':
      return [`any ${change.field}`, `all ${change.field}`];
  }
}

/** What a change collides with: increments and pushes with nothing, because they need no order. */
export function collidesWith(change: CollectionChange): readonly string[] {
  switch (change.op) {
    case 'set':
    case 'delete': {
      const { field, key } = change;
      return [`all ${field}`, `set ${field} ${key}`, `add ${field} ${key}`];
    }
    case 'increment':
    case 'push':
      return NOTHING;
    case 'trim':
    case 'clear':
      return [`any ${change.field}`];
  }
}
