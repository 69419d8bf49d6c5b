import assert from 'node:assert/strict';
import {
  ERRORS,
  errorSpec,
  fromReport,
  fromUnknown,
  GrainError,
  isErrorCode,
  isKey,
  isName,
  keyFrom,
  nearestName,
  resolveOptions,
  toReport,
  unknownOption,
} from '../../lib/index.ts';

describe('Options', () => {
  const defaults = { depth: 10, name: 'x', rate: 0.5 };
  const rules = { depth: { least: 1, most: 100, isWhole: true }, rate: { least: 0, most: 1 } } as const;
  const codeOf = (given: object): string => {
    try {
      resolveOptions(defaults, given, rules);
    } catch (error) {
      return error instanceof GrainError ? `${error.code} ${error.message}` : String(error);
    }
    return 'ok';
  };

  it('what is given stands over the default, undefined means not given, and the result is frozen', () => {
    const resolved = resolveOptions(defaults, { depth: 5, name: undefined }, rules);
    assert.deepEqual(resolved, { depth: 5, name: 'x', rate: 0.5 });
    assert.ok(Object.isFrozen(resolved));
    assert.deepEqual(resolveOptions(defaults, undefined, rules), defaults);
  });

  it('out of range it is refused, with the value and the rule', () => {
    for (const depth of [0, 101, 1.5, Number.NaN, '5', null])
      assert.match(codeOf({ depth }), /^ERR_OPTION_INVALID depth must be a whole number from 1 to 100, not /);
    for (const rate of [-0.1, 1.1, true])
      assert.match(codeOf({ rate }), /^ERR_OPTION_INVALID rate must be a number/);
    for (const fine of [{ depth: 1 }, { depth: 100 }, { rate: 0 }, { rate: 1 }])
      assert.equal(codeOf(fine), 'ok');
  });

  it('an unknown one is refused, and the nearest known one named', () => {
    assert.match(codeOf({ dpeth: 5 }), /unknown option dpeth; did you mean depth\?/);
    assert.match(codeOf({ completelyOther: 5 }), /unknown option completelyOther$/);
    assert.match(codeOf(JSON.parse('{"__proto__": 1}') as object), /unknown option __proto__/);
    assert.equal(unknownOption('toString', ['port']).details['nearest'], undefined);
  });

  it('the nearest name ignores case and needs few edits', () => {
    assert.equal(nearestName('maxconcurrent', ['idleTimeoutMs', 'maxConcurrent']), 'maxConcurrent');
    assert.equal(nearestName('x', ['maxConcurrent']), undefined);
    assert.equal(nearestName('', []), undefined);
  });
});

describe('Errors', () => {
  it('every code of the catalogue is well formed, has a status and a help, and no effect that contradicts', () => {
    for (const [code, spec] of Object.entries(ERRORS)) {
      assert.match(code, /^ERR_[A-Z]+(_[A-Z]+)*$/);
      assert.ok(spec.http >= 400 && spec.http < 600, code);
      assert.ok(spec.help.length > 10 && /[.)]$/.test(spec.help), code);
      // What may have been executed is never surely refused again.
      if (spec.effect === 'unknown' && spec.lasting) assert.equal(code, 'ERR_SESSION_LOST');
    }
    const bySubject = (code: string): string => code.replaceAll('_', ' ');
    const codes = Object.keys(ERRORS).map(bySubject);
    assert.deepEqual(codes, [...codes].sort());
  });

  it('names of Object’s members are no codes', () => {
    for (const text of ['toString', '__proto__', 'constructor', 'ERR_NOPE'])
      assert.ok(!isErrorCode(text), text);
    assert.ok(isErrorCode('ERR_CALL_CYCLE'));
  });

  it('details of codes that are not public stay behind; the others travel without what is said elsewhere', () => {
    const hidden = toReport(new GrainError('ERR_INTERNAL', { secret: 'x', message: 'stack' }));
    assert.deepEqual(hidden, {
      code: 'ERR_INTERNAL',
      message: errorSpec('ERR_INTERNAL').help,
      effect: 'unknown',
    });
    const open = toReport(
      new GrainError('ERR_MAILBOX_FULL', { grain: 'g', message: 'full', retryAfterMs: 99.2 }),
    );
    assert.deepEqual(open, {
      code: 'ERR_MAILBOX_FULL',
      message: 'full',
      effect: 'none',
      retry_after_ms: 100,
      details: { grain: 'g' },
    });
  });

  it('a report becomes the error again, one of another version an internal error', () => {
    const error = fromReport(toReport(new GrainError('ERR_KEY_INVALID', { got: 'x' })));
    assert.deepEqual([error.code, error.details['got']], ['ERR_KEY_INVALID', 'x']);
    assert.equal(fromReport({ code: 'ERR_TOMORROW', message: 'm', effect: 'none' }).code, 'ERR_INTERNAL');
  });

  it('whatever is thrown becomes a coded error that keeps it as its cause', () => {
    const known = new GrainError('ERR_KEY_INVALID');
    assert.equal(fromUnknown(known), known);
    for (const thrown of ['text', undefined, new Error('x')]) {
      const error = fromUnknown(thrown);
      assert.deepEqual([error.code, error.cause], ['ERR_INTERNAL', thrown]);
    }
  });
});

describe('Names and keys (hazards.md 23)', () => {
  it('keys are 1 to 512 UTF-8 bytes without control characters', () => {
    for (const key of [
      'a',
      ' ',
      '\u00e9',
      'x'.repeat(512),
      '\u20ac'.repeat(170),
      '\u{1F600}'.repeat(128),
      '__proto__',
      '/',
    ])
      assert.ok(isKey(key), key.slice(0, 20));
    for (const key of [
      '',
      'x'.repeat(513),
      '\u20ac'.repeat(171),
      '\u{1F600}'.repeat(129),
      'a\u0000',
      'a\n',
      '\u007f',
      '\u0085',
      '\ud800',
      5,
      null,
      {},
    ])
      assert.ok(!isKey(key), String(key).slice(0, 20));
  });

  it('a number is its decimal text; other than text and numbers name nothing', () => {
    assert.deepEqual(
      [42, -1, 0.5, 1e21].map((raw) => keyFrom(raw)),
      ['42', '-1', '0.5', '1e+21'],
    );
    for (const raw of [Number.NaN, Infinity, null, undefined, true, {}, [], '', 1n])
      assert.throws(
        () => keyFrom(raw),
        (error: GrainError) => error.code === 'ERR_KEY_INVALID',
      );
  });

  it('composed and decomposed letters are different keys: nothing is normalised', () => {
    assert.notEqual(keyFrom('\u00e9'), keyFrom('e\u0301'));
  });

  it('names are a letter, then up to 63 letters, digits, _ . or -', () => {
    for (const name of ['a', 'Airport', 'a.b-c_d9', `a${'b'.repeat(63)}`]) assert.ok(isName(name), name);
    for (const name of ['', '9a', '_a', 'a b', 'a/b', 'a\n', `a${'b'.repeat(64)}`, '__proto__', 5, null])
      assert.ok(!isName(name), String(name));
  });
});
