import assert from 'node:assert/strict';
import { testHost } from '../../gateway/testing/index.ts';
import { type AnyCore, defineCore, singleton } from '../../lib/index.ts';

function waking(run: () => unknown): AnyCore {
  const core = defineCore({ name: 'early', version: '1.0.0', instance: singleton() }).flows((flow) => ({
    begin: flow({ run }),
  }));
  const definition = { ...core.definition, wake: { flow: 'begin', key: '' } };
  return Object.freeze({ definition: Object.freeze(definition) });
}

describe('Cores that are called when their silo starts', () => {
  it('at the start and when they are replaced, are called once each', async () => {
    let count = 0;
    const core = waking(() => (count += 1));
    const host = await testHost({ cores: [core] });
    await host.settle();
    assert.equal(count, 1);
    const replacing = host.silo.replace(waking(() => (count += 10)));
    await host.advance(50);
    await replacing;
    await host.settle();
    assert.equal(count, 11);
    await host.stop();
  });

  it('that fail, are called again until they answer', async () => {
    let count = 0;
    const core = waking(() => {
      count += 1;
      if (count < 3) throw new Error('not yet');
      return count;
    });
    const host = await testHost({ cores: [core] });
    await host.advance(60_000);
    assert.equal(count, 3);
    await host.stop();
  });

  it('that fail while the silo stops, are left', async () => {
    let count = 0;
    const core = waking(() => {
      count += 1;
      throw new Error('never');
    });
    const host = await testHost({ cores: [core] });
    await host.settle();
    await host.stop();
    const before = count;
    await host.advance(600_000);
    assert.equal(count, before);
  });
});
