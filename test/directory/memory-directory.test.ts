import assert from 'node:assert/strict';
import { MemoryDirectory } from '../../directory/index.ts';
import { directoryContract } from '../contract/directory.contract.ts';

/** Stands for the store's epochs, which outlive the process. */
let epoch = 0;
const open = (): MemoryDirectory => new MemoryDirectory({ nextEpoch: () => (epoch += 1) });

directoryContract('MemoryDirectory', async () => ({
  directory: open(),
  restart: async () => open(),
  dispose: async () => undefined,
}));

describe('MemoryDirectory', () => {
  it('Size: after releases, counts the owners only', () => {
    const directory = open();
    const living = new Set(['A']);
    for (let activation = 1; activation <= 10; activation += 1) {
      const grain = { tenant: 'default', core: 'airport', key: `k${activation}` };
      directory.register(grain, { incarnation: 'A', activation, view: 1, living });
      if (activation % 2 === 0) directory.release(grain, 'A', activation);
    }
    assert.equal(directory.size, 5);
  });

  it('Epoch: the owner stays, is not drawn', () => {
    let drawn = 0;
    const directory = new MemoryDirectory({ nextEpoch: () => (drawn += 1) });
    const grain = { tenant: 'default', core: 'airport', key: 'k' };
    const living = new Set(['A', 'B']);
    directory.register(grain, { incarnation: 'A', activation: 1, view: 1, living });
    directory.register(grain, { incarnation: 'A', activation: 1, view: 1, living });
    directory.register(grain, { incarnation: 'B', activation: 1, view: 1, living });
    assert.equal(drawn, 1);
  });
});
