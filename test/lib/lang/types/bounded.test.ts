import assert from 'node:assert/strict';
import { arrayOf, bounded, DYNAMIC, INT, objectOf, STRING } from '../../../../lib/lang/types/construct.ts';
import type { Type } from '../../../../lib/lang/types/type.ts';

function nested(depth: number, around: (inner: Type) => Type): Type {
  let type: Type = INT;
  for (let at = 0; at < depth; at += 1) type = around(type);
  return type;
}

describe('Types that were found by inference', () => {
  it('wide ones, stay as they are', () => {
    const fields = Array.from({ length: 500 }, (_none, index) => ({ name: `f${index}`, type: STRING }));
    const type = objectOf(fields);
    assert.equal(bounded(type), type);
  });

  it('64 levels, stay; one more is too deep to be of use', () => {
    const deep = nested(64, arrayOf);
    assert.equal(bounded(deep), deep);
    assert.equal(bounded(nested(65, arrayOf)), DYNAMIC);
  });

  it('parts that are shared, do not make it slow: 60 levels of two are 2^60 ways down', () => {
    const twice = (inner: Type): Type =>
      objectOf([
        { name: 'a', type: inner },
        { name: 'b', type: inner },
      ]);
    const type = nested(60, twice);
    assert.equal(bounded(type), type);
    assert.equal(bounded(nested(70, twice)), DYNAMIC);
  });
});
