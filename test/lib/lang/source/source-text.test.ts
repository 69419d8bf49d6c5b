import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Position, SourceText } from '../../../../lib/lang/index.ts';

/** By counting. */
function countedPosition(text: string, offset: number): Position {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

describe('Source text', () => {
  it('positions asked for in any order, are those that counting gives', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', 'é', '\n', '\r'), minLength: 100, maxLength: 300 });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(400), { maxLength: 30 }), (text, offsets) => {
        const source = new SourceText('any', text);
        for (const offset of offsets.map((any) => Math.min(any, text.length)))
          assert.deepEqual(source.positionAt(offset), countedPosition(text, offset));
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});
