// The grammar for editors against the language: it knows every word, and colours literals as the lexer reads them.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { KEYWORDS } from '../../../../lib/lang/index.ts';
import { type Grammar, type Piece, tokenize } from './textmate.ts';

const FILE = new URL('../../../../gateway/cli/scaicore/scaicore.tmLanguage.json', import.meta.url);
const SAMPLES = new URL('../../../lib/lang/samples/', import.meta.url);
const grammar = JSON.parse(readFileSync(FILE, 'utf8')) as Grammar;

const scopesIn = (text: string): readonly Piece[] => tokenize(grammar, text);
const only = (text: string): string => {
  const pieces = scopesIn(text);
  assert.deepEqual(
    pieces.map(([piece]) => piece),
    [text],
    text,
  );
  return pieces[0]?.[1] ?? '';
};

describe('TextMate grammar', () => {
  it('words: all of the language are known, behind an @ and without one', () => {
    for (const word of KEYWORDS.at) assert.match(only(`@${word}`), /^(storage|keyword)\./, word);
    for (const word of KEYWORDS.plain) assert.match(only(word), /^(storage|keyword|constant)\./, word);
  });

  it('words: none that the language does not have', () => {
    assert.equal(only('@nothing'), 'invalid.illegal.keyword');
    assert.equal(only('@flows'), 'invalid.illegal.keyword');
    const named = JSON.stringify(grammar).matchAll(/@\(\?:([a-z_|]+)\)/g);
    const words = [...named].flatMap(([, group = '']) => group.split('|'));
    assert.deepEqual(
      words.filter((word) => !KEYWORDS.at.includes(word)),
      [],
    );
    assert.deepEqual(scopesIn('order.type returned iffy'), []);
  });

  it('literals: numbers, durations, dates, symbols, addresses, plugins', () => {
    for (const [text, scope] of [
      ['1_000', 'constant.numeric.integer'],
      ['0.25', 'constant.numeric.float'],
      ['2026-01-31', 'constant.numeric.date'],
      ['2026-01-31T10:00:00.5Z', 'constant.numeric.date'],
      [':approved', 'constant.other.symbol'],
      ['core://shop/stock', 'string.unquoted.address'],
      ['acme/document-ocr@1.0', 'string.unquoted.plugin'],
      ['null', 'constant.language'],
      ['// "x" @flow', 'comment.line.double-slash'],
      ['/* ${x} */', 'comment.block'],
    ] as const)
      assert.equal(only(text), scope);
    assert.deepEqual(scopesIn('30s'), [
      ['30', 'constant.numeric.duration'],
      ['s', 'constant.numeric.duration keyword.other.unit'],
    ]);
    // Behind a name it is the colon of a type.
    assert.deepEqual(scopesIn('name:state'), []);
  });

  it('texts: escapes, wrong escapes, interpolations with braces and texts inside', () => {
    const text = 'string.quoted.double';
    assert.deepEqual(scopesIn('"a\\n\\q"'), [
      ['"a', text],
      ['\\n', `${text} constant.character.escape`],
      ['\\q', `${text} invalid.illegal.escape`],
      ['"', text],
    ]);
    const inside = `${text} meta.interpolation`;
    assert.deepEqual(scopesIn('"a ${ {b: "}"} } c" 1'), [
      ['"a ', text],
      ['${', `${inside} punctuation.section.interpolation.begin`],
      [' {b: ', inside],
      ['"}"', `${inside} ${text}`],
      ['} ', inside],
      ['}', `${inside} punctuation.section.interpolation.end`],
      [' c"', text],
      ['1', 'constant.numeric.integer'],
    ]);
  });

  it('texts: what is not closed ends with its line; three quotes go on', () => {
    assert.deepEqual(scopesIn('"open ${name\n1').at(-1), ['1', 'constant.numeric.integer']);
    assert.deepEqual(scopesIn('"""a\n"b" ${1}\n"""\n1'), [
      ['"""a', 'string.quoted.triple'],
      ['"b" ', 'string.quoted.triple'],
      ['${', 'string.quoted.triple meta.interpolation punctuation.section.interpolation.begin'],
      ['1', 'string.quoted.triple meta.interpolation constant.numeric.integer'],
      ['}', 'string.quoted.triple meta.interpolation punctuation.section.interpolation.end'],
      ['"""', 'string.quoted.triple'],
      ['1', 'constant.numeric.integer'],
    ]);
  });

  it('declarations: the names of Cores, flows and types', () => {
    assert.deepEqual(scopesIn('@core Desk {').slice(0, 2), [
      ['@core', 'storage.type'],
      ['Desk', 'entity.name.class'],
    ]);
    assert.deepEqual(scopesIn('@flow f(a: int): Order {'), [
      ['@flow', 'storage.type'],
      ['f', 'entity.name.function'],
      ['int', 'support.type'],
      ['Order', 'entity.name.type'],
    ]);
    assert.deepEqual(scopesIn('x |> twice(memory.n)'), [
      ['|>', 'keyword.operator'],
      ['twice', 'entity.name.function.call'],
      ['memory', 'variable.language'],
    ]);
  });

  for (const name of readdirSync(SAMPLES).filter((each) => each.endsWith('.scaicore')))
    it(`sample ${name}: nothing in it is taken for a mistake, and its end is outside of all texts`, () => {
      const pieces = scopesIn(`${readFileSync(new URL(name, SAMPLES), 'utf8')}\n@core`);
      assert.deepEqual(
        pieces.filter(([, scopes]) => scopes.includes('invalid')),
        [],
      );
      assert.deepEqual(pieces.at(-1), ['@core', 'storage.type']);
    });
});
