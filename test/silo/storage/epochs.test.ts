import assert from 'node:assert/strict';
import { EPOCH_BLOCK, Epochs } from '../../../silo/internal.ts';

describe('Epochs', () => {
  it('a block that is used up before the next is durable: numbers wait for it, none comes twice or too early', async () => {
    const asked: number[] = [];
    const writes: (() => void)[] = [];
    const epochs = new Epochs(10, 12, (ceiling) => {
      asked.push(ceiling);
      return new Promise((resolve) => writes.push(resolve));
    });
    assert.equal(epochs.whenReserved(), undefined);
    assert.deepEqual([epochs.next(), epochs.next()], [11, 12]);
    assert.throws(() => epochs.next());
    const waiting = epochs.whenReserved();
    assert.ok(waiting instanceof Promise);
    assert.deepEqual(asked, [12 + EPOCH_BLOCK], 'one reservation serves all that wait');
    writes[0]?.();
    await waiting;
    assert.equal(epochs.whenReserved(), undefined);
    assert.equal(epochs.next(), 13);
  });

  it('a store that cannot reserve: says so to those who wait, and is asked again by the next', async () => {
    let isFull = true;
    const epochs = new Epochs(0, 1, () => (isFull ? Promise.reject(new Error('full')) : Promise.resolve()));
    assert.equal(epochs.next(), 1);
    await assert.rejects(async () => await epochs.whenReserved(), /full/);
    isFull = false;
    await epochs.whenReserved();
    assert.equal(epochs.next(), 2);
  });
});
