// What lexer, parser and printer make of the samples. Written anew with GRANARY_GOLDEN=write.
import { parseFile, printFile, SourceText, tokensText } from '../../../../lib/lang/index.ts';
import { checkGolden } from '../golden.ts';
import { treeText } from '../tree-text.ts';
import { sampleTexts } from './mutate.ts';

/** Tokens are many: of these samples, which have all kinds. */
const WITH_TOKENS = new Set(['literals', 'expressions', 'core-declarations']);

describe('Golden files of the syntax', () => {
  for (const [name, text] of sampleTexts()) {
    const base = name.replace(/\.scaicore$/, '').replaceAll('/', '-');
    const source = new SourceText(name, text);
    const fileOf = (): ReturnType<typeof parseFile>['file'] => parseFile(source, () => undefined).file;

    it(`${name}: the tree`, () => {
      checkGolden(`tree-${base}`, treeText(fileOf()));
    });
    it(`${name}: printed`, () => {
      checkGolden(`printed-${base}`, printFile(fileOf()));
    });
    if (!WITH_TOKENS.has(base)) continue;
    it(`${name}: the tokens`, () => {
      checkGolden(`tokens-${base}`, tokensText(source));
    });
  }
});
