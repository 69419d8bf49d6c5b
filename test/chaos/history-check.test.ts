// The checker of the chaos run is shown histories with one planted fault each: a checker that cannot fail proves nothing.
import assert from 'node:assert/strict';
import type { Change } from './chaos-cores.ts';
import { checkHistories, type Told } from './history-check.ts';

const ACCOUNT = 'a1';

function told(source: string, sent: number, parts: Partial<Told> = {}): Told {
  const acked = new Set(Array.from({ length: sent }, (_none, index) => index + 1));
  return { source, account: ACCOUNT, sent, acked, refused: new Set(), unknown: new Set(), ...parts };
}

/** Two sources whose changes alternate, three epochs of two processes. */
function sound(): Change[] {
  return Array.from({ length: 12 }, (_none, index) => ({
    source: index % 2 === 0 ? 's' : 't',
    n: Math.floor(index / 2) + 1,
    at: index + 1,
    epoch: 3 + Math.floor(index / 4),
    process: Math.floor(index / 4) % 2 === 0 ? 'p' : 'q',
  }));
}

function kinds(history: readonly Change[], sources = [told('s', 6), told('t', 6)]): string[] {
  const { violations } = checkHistories(sources, new Map([[ACCOUNT, history]]));
  return [...new Set(violations.map(({ kind }) => kind))].sort();
}

/** Numbers the counts anew, so that only the planted fault shows. */
function counted(history: readonly Change[]): Change[] {
  return history.map((change, index) => ({ ...change, at: index + 1 }));
}

function edited(edit: (history: Change[]) => void): Change[] {
  const history = sound();
  edit(history);
  return counted(history);
}

describe('Chaos: the checker', () => {
  it('a sound history, has no violations and its numbers', () => {
    const result = checkHistories([told('s', 6), told('t', 6)], new Map([[ACCOUNT, sound()]]));
    assert.deepEqual(result, { changes: 12, epochs: 3, violations: [] });
  });

  it('a doubled event, is found', () => {
    const history = edited((changes) => changes.splice(4, 0, ...changes.slice(4, 5)));
    assert.deepEqual(kinds(history), ['doubled']);
  });

  it('a lost event that was acknowledged, is found; one of unknown outcome may be there or not', () => {
    const history = edited((changes) => changes.splice(4, 1));
    assert.deepEqual(kinds(history), ['lost']);
    const acked = new Set([1, 2, 4, 5, 6]);
    const sources = [told('s', 6, { acked, unknown: new Set([3]) }), told('t', 6)];
    assert.deepEqual(kinds(history, sources), []);
    assert.deepEqual(kinds(sound(), sources), []);
  });

  it('two events of one source in the wrong order, are found', () => {
    const history = edited((changes) => {
      const [first, second] = [changes[4], changes[6]];
      assert.ok(first && second);
      // Epochs stay where they were.
      changes[4] = { ...first, n: second.n };
      changes[6] = { ...second, n: first.n };
    });
    assert.deepEqual(kinds(history), ['reordered']);
  });

  it('a refused event that took effect, and one that nobody sent, are found', () => {
    const refused = told('s', 6, { acked: new Set([1, 2, 3, 4, 5]), refused: new Set([6]) });
    assert.deepEqual(kinds(sound(), [refused, told('t', 6)]), ['refused, applied']);
    assert.deepEqual(kinds(sound(), [told('s', 5), told('t', 6)]), ['not sent']);
    assert.deepEqual(kinds(sound(), [told('s', 6)]), ['not sent']);
  });

  it('an epoch of two processes, and one that comes after a later one, are found', () => {
    const shared = edited((changes) => {
      const [last] = changes.slice(-1);
      assert.ok(last);
      changes[changes.length - 1] = { ...last, process: 'r' };
    });
    assert.deepEqual(kinds(shared), ['two owners']);
    const back = edited((changes) => {
      const [last] = changes.slice(-1);
      assert.ok(last);
      changes[changes.length - 1] = { ...last, epoch: 4, process: 'q' };
    });
    assert.deepEqual(kinds(back), ['epoch back']);
  });

  it('a count in memory that another activation has not seen, is found', () => {
    const history = sound().map((change) => (change.at > 6 ? { ...change, at: change.at - 1 } : change));
    assert.deepEqual(kinds(history), ['count']);
  });

  it('an account that cannot be read, is a violation', () => {
    const { violations } = checkHistories([told('s', 1)], new Map());
    assert.deepEqual(
      violations.map(({ kind }) => kind),
      ['unread'],
    );
  });
});
