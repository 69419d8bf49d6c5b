import assert from 'node:assert/strict';
import {
  createHttpPlugins,
  createOpenAiProvider,
  ExecutionStatus,
  SystemClock,
  systemRng,
} from '../../silo/engine.ts';
import { importsOf, isSource, readSources } from '../lib/import-rules.ts';

describe('granary/engine', () => {
  it('Entry: what a host of programs needs, there without a silo', () => {
    const parts = { clock: new SystemClock(), rng: systemRng };
    assert.equal(typeof createOpenAiProvider({ providers: {} }, parts).complete, 'function');
    assert.equal(
      createHttpPlugins({ plugins: {} }, parts).has({
        alias: 'a',
        publisher: 'b',
        name: 'c',
        version: '1.0',
      }),
      false,
    );
    assert.equal(ExecutionStatus.SUSPENDED, 'SUSPENDED');
  });

  it('Entry: all that it loads, no package and no socket', () => {
    const sources = readSources();
    const loaded = new Set(['silo/engine.ts']);
    const outside = new Set<string>();
    for (const file of loaded)
      for (const { to, kind } of importsOf(file, sources.get(file) ?? '')) {
        if (kind === 'type') continue;
        if (isSource(to)) loaded.add(to);
        else outside.add(to);
      }
    assert.deepEqual([...outside].sort(), ['node:crypto']);
  });
});
