import { strict as assert } from 'node:assert';
import { FUNCTIONS, HOST_FUNCTIONS, METHODS, printType, readSignature } from '../../../../lib/lang/index.ts';

describe('ScaiCore checker: signatures of the standard library', () => {
  it('Signatures: all of them, can be read', () => {
    const all = [FUNCTIONS, HOST_FUNCTIONS, ...Object.values(METHODS)].flatMap((each) =>
      Object.entries(each),
    );
    for (const [name, text] of all) assert.doesNotThrow(() => readSignature(text), name);
    assert.ok(all.length > 130);
  });

  it('Signatures: optional parameters, lambdas, objects, properties', () => {
    const { params, result } = readSignature('(fn: (T, int) => U, end: int =) array[{ key: K, value: V? }]');
    assert.deepEqual(
      params?.map(({ name, is_optional: isOptional, fn }) => [name, isOptional, fn?.params.length]),
      [
        ['fn', false, 2],
        ['end', true, undefined],
      ],
    );
    assert.equal(printType(result), 'array[{ key: K, value: V? }]');
    assert.equal(readSignature('int?').params, undefined);
  });

  it('Signatures: what is none, an error of ours', () => {
    assert.throws(() => readSignature('(a int'), /cannot be read/);
  });
});
