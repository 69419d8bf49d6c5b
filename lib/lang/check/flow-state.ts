// What is known at one point of a flow: which variables are set, and to which types they and what is below them are
// narrowed. Branches are undone by a trail, so that they cost what they change and not what is known.
//   F1. Between `mark` and `rewind` of one mark, marks are closed in reverse order.
//   F2. A fact is never changed, only replaced.
import type { Type } from '../types/type.ts';
import type { TypeTable } from '../types/type-table.ts';

export interface Fact {
  readonly set: 'yes' | 'maybe';
  /** Narrower than what is declared. */
  readonly type?: Type | undefined;
  /** The same for what is below it, by path: `a.b`. */
  readonly paths?: ReadonlyMap<string, Type> | undefined;
}
/** Of a variable that is set, to anything of its declared type. */
export const IS_SET: Fact = { set: 'yes' };

/** What a branch has changed. */
export interface Branch {
  readonly changes: ReadonlyMap<string, Fact | undefined>;
  readonly isReachable: boolean;
}

export const NO_CHANGES: Branch['changes'] = new Map();

/** What is always there: nothing known of it is not the same as a variable that is not set. */
const ALWAYS_SET: readonly (readonly [string, Fact])[] = ['memory', 'config', 'reference'].map((root) => [
  root,
  IS_SET,
]);

export class FlowState {
  /** Names are never taken out: deleting and adding again is slow in a large map. */
  readonly #facts = new Map<string, Fact | undefined>(ALWAYS_SET);
  /** What was set, and what was known before; in two lists of the same length. */
  readonly #trailNames: string[] = [];
  readonly #trailFacts: (Fact | undefined)[] = [];
  /** False behind a `return` and the like. */
  isReachable = true;

  get(name: string): Fact | undefined {
    return this.#facts.get(name);
  }

  set(name: string, fact: Fact | undefined): void {
    this.#trailNames.push(name);
    this.#trailFacts.push(this.#facts.get(name));
    this.#facts.set(name, fact);
  }

  mark(): number {
    return this.#trailNames.length;
  }

  /** Undoes everything since the mark, and tells what it was. */
  rewind(mark: number): Branch {
    if (this.#trailNames.length === mark) return { changes: NO_CHANGES, isReachable: this.isReachable };
    const changes = new Map<string, Fact | undefined>();
    while (this.#trailNames.length > mark) {
      const name = this.#trailNames.pop() ?? '';
      if (!changes.has(name)) changes.set(name, this.#facts.get(name));
      this.#facts.set(name, this.#trailFacts.pop());
    }
    return { changes, isReachable: this.isReachable };
  }

  apply(branch: Branch): void {
    for (const [name, fact] of branch.changes) this.set(name, fact);
  }

  /** Goes on behind branches that have all run; of what several may have written, any may be the last. */
  applyAll(branches: readonly Branch[], table: TypeTable): void {
    const seen = new Map<string, Fact>();
    for (const { changes } of branches)
      for (const [name, fact] of changes) {
        const other = seen.get(name);
        if (fact && other) {
          const set = fact.set === 'yes' || other.set === 'yes' ? 'yes' : 'maybe';
          this.set(name, { ...mergeFacts(other, fact, table), set });
        } else this.set(name, fact ?? other);
        const now = this.#facts.get(name);
        if (now) seen.set(name, now);
      }
  }

  /** Goes on where the branches meet: with what those that arrive here have in common. */
  merge(branches: readonly Branch[], table: TypeTable): void {
    const arriving = branches.filter(({ isReachable }) => isReachable);
    this.isReachable = arriving.length > 0;
    const meeting = arriving.length > 0 ? arriving : branches;
    const [first, ...others] = meeting;
    if (!first) return;
    if (others.length === 0) {
      this.apply(first);
      return;
    }
    if (meeting.every(({ changes }) => changes.size === 0)) return;
    const names = new Set<string>();
    for (const { changes } of meeting) for (const name of changes.keys()) names.add(name);
    for (const name of names) {
      const now = this.#facts.get(name);
      const factIn = ({ changes }: Branch): Fact | undefined => (changes.has(name) ? changes.get(name) : now);
      this.set(
        name,
        others.reduce((merged, branch) => mergeFacts(merged, factIn(branch), table), factIn(first)),
      );
    }
  }
}

function mergeFacts(left: Fact | undefined, right: Fact | undefined, table: TypeTable): Fact | undefined {
  if (left === right) return left;
  if (!left || !right) return { ...(left ?? right), set: 'maybe' };
  let paths: Map<string, Type> | undefined;
  for (const [path, type] of left.paths ?? []) {
    const other = right.paths?.get(path);
    if (other) (paths ??= new Map<string, Type>()).set(path, table.join(type, other));
  }
  return {
    set: left.set === 'yes' && right.set === 'yes' ? 'yes' : 'maybe',
    type: left.type && right.type && table.join(left.type, right.type),
    paths,
  };
}
