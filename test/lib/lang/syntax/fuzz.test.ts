// Whatever the text is, lexer and parser end, soon and without throwing. GRANARY_FUZZ says how many texts are tried.
import assert from 'node:assert/strict';
import { type FileNode, lex, parseFile, printFile, SourceText } from '../../../../lib/lang/index.ts';
import { bareTree } from '../tree-text.ts';
import { mutated, randomOf, sampleTexts } from './mutate.ts';

const COUNT = Number(process.env['GRANARY_FUZZ'] ?? 20_000);
const PARTS = 20;
const SEED = 20_260_131;

interface Outcome {
  readonly file: FileNode;
  readonly isClean: boolean;
}

/** Parses; checks that what is said has places inside of the text. */
function parseAny(text: string): Outcome {
  let isClean = true;
  const { file } = parseFile(new SourceText('fuzz', text), (code, { start, end }, message) => {
    isClean = false;
    assert.ok(start >= 0 && start <= end && end <= text.length, `${code} ${start}-${end}: ${message}`);
  });
  return { file, isClean };
}

/** A damaged text that is still a program is printed as one. */
function checkText(text: string): void {
  const { file, isClean } = parseAny(text);
  if (!isClean) return;
  const printed = printFile(file);
  const again = parseAny(printed);
  assert.ok(again.isClean, 'what was printed has mistakes');
  assert.deepEqual(bareTree(again.file), bareTree(file));
  assert.equal(again.file.comments.length, file.comments.length);
  assert.equal(printFile(again.file), printed);
}

describe('Fuzz of the syntax', () => {
  const samples = [...sampleTexts().values()];
  for (let part = 0; part < PARTS; part += 1) {
    it(`Damaged samples, part ${part + 1}: no throw, places inside of the text, printable if clean`, function () {
      this.timeout(20_000 + COUNT * 20);
      for (let index = part; index < COUNT; index += PARTS) {
        const random = randomOf(SEED + index * 7_919);
        const text = mutated(samples[random(samples.length)] ?? '', random);
        try {
          checkText(text);
        } catch (error) {
          throw new Error(`text ${index} of seed ${SEED}:\n${text}`, { cause: error });
        }
      }
    });
  }

  it('Noise: tokens of all kinds in any order', () => {
    const words = samples.flatMap((text) => text.split(/(\W)/)).filter((word) => word !== '');
    const random = randomOf(SEED);
    for (let index = 0; index < COUNT / 20; index += 1) {
      const text = Array.from({ length: 1 + random(120) }, () => words[random(words.length)]).join('');
      parseAny(text);
    }
  });

  const PIECES =
    'x = (|x = [|{|(|[|-|!|x = {a:|if x {\n|if x {} else |}|)|a.|a.b(|x + |x => |(a, |"${|"""${|"${"|match x { _ => |@rigid {\n|x: array[|x: {a:|/*|"|@|@x |:|1_|\\|a?|a ?? |\n|é|f(a=|@flow f(\n|@core A {\n|@test "x" {|type A = |import {|pub |emit x {|core://a |2026-01-01|@while x (|@try {} @catch |@plugins { a = |#\n|;|-> |@flexible { guard = {'.split(
      '|',
    );
  it('One piece over and over: ends, in time that grows as the text does', function () {
    this.timeout(60_000);
    for (const piece of [...PIECES, '|', '|>', 'x |> ', 'x |*> [']) {
      const text = piece.repeat(20_000);
      lex(new SourceText('t', text), () => undefined);
      parseAny(text);
      parseAny(`@flow f() {\n${text}\n}`);
      parseAny(`@flow f() {\nx = ${text}\n}`);
    }
  });
});
