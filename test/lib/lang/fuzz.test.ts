// Whatever the text is, the whole compiler ends, soon and without throwing; what it accepts is a sound module, in its
// bundle, too. GRANARY_FUZZ says how many texts are tried.
import assert from 'node:assert/strict';
import { compile, IRSerializer } from '../../../lib/lang/index.ts';
import { mutated, randomOf, sampleTexts } from './syntax/mutate.ts';

const COUNT = Number(process.env['GRANARY_FUZZ'] ?? 4_000);
const PARTS = 4;
const SEED = Number(process.env['GRANARY_SEED'] ?? 20_260_131);

describe('Fuzz of the compiler', () => {
  const samples = [...sampleTexts()];
  const serializer = new IRSerializer();
  let compiledCount = 0;

  for (let part = 0; part < PARTS; part += 1) {
    it(`Damaged programs, part ${part + 1}: no throw, errors or a sound module`, function () {
      this.timeout(20_000 + COUNT * 20);
      for (let index = part; index < COUNT; index += PARTS) {
        const random = randomOf(SEED + index * 7_919);
        const [name, sample] = samples[random(samples.length)] ?? ['', ''];
        const text = mutated(sample, random);
        try {
          compiledCount += compileAny(name, text);
        } catch (error) {
          throw new Error(`text ${index} of seed ${SEED}:\n${text}`, { cause: error });
        }
      }
    });
  }

  /** Gives how many programs it was that can run. */
  function compileAny(name: string, text: string): 0 | 1 {
    const { ok, module, diagnostics } = compile(text, { name });
    assert.equal(ok, !diagnostics.some(({ severity }) => severity === 'error'));
    assert.equal(module !== undefined, ok);
    if (!module) return 0;
    const bytes = serializer.serialize(module);
    assert.deepEqual(serializer.serialize(serializer.deserialize(bytes)), bytes);
    return 1;
  }

  it('Some of them are programs after all', () => {
    assert.ok(compiledCount > COUNT / 200, `${compiledCount} of ${COUNT}`);
  });
});
