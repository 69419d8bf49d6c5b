import assert from 'node:assert/strict';
import type { ModelCallRequest } from '../../../lib/lang/index.ts';
import { failing, vectorOf } from '../../support/fake-model-server.ts';
import { json } from '../../support/fake-service.ts';
import { Bench, errorOf, model, SCOPE } from './support.ts';

function calling(modality: string, parts: Partial<ModelCallRequest> = {}): ModelCallRequest {
  const base = { scope: SCOPE, role: 'voice', model: model(), modality, input: 'hello', params: {} };
  return { ...base, timeoutMs: undefined, signal: undefined, ...parts };
}

describe('silo/models: what is not text', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await Bench.start();
  });
  afterEach(() => bench.server.stop());

  const embedding = { scope: SCOPE, role: 'embedding', model: model(), signal: undefined };

  describe('embeddings', () => {
    it('Provider: many texts, embedded in batches and given back in their order', async () => {
      const texts = ['a', 'bb', 'ccc', 'dddd', 'eeeee'];
      const vectors = await bench.provider({ embeddingBatch: 2 }).embed({ ...embedding, texts });
      assert.deepEqual(vectors, texts.map(vectorOf));
      assert.deepEqual(
        bench.server.asked.map(({ body }) => (body['input'] as string[]).length),
        [2, 2, 1],
      );
      assert.equal(bench.reports.length, 3);
    });

    it('Provider: no text, no request', async () => {
      assert.deepEqual(await bench.provider().embed({ ...embedding, texts: [] }), []);
      assert.equal(bench.server.asked.length, 0);
    });

    for (const [name, data] of [
      ['too few', [{ index: 0, embedding: [1, 2] }]],
      [
        'of two lengths',
        [
          { index: 0, embedding: [1, 2] },
          { index: 1, embedding: [1] },
        ],
      ],
      [
        'numbered twice',
        [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [1] },
        ],
      ],
      [
        'numbered out of range',
        [
          { index: 0, embedding: [1] },
          { index: 7, embedding: [1] },
        ],
      ],
      [
        'without numbers',
        [
          { index: 0, embedding: [1] },
          { index: 1, embedding: ['x'] },
        ],
      ],
      ['missing', undefined],
    ] as const)
      it(`Provider: vectors that are ${name}, malformed`, async () => {
        bench.server.script(json({ data }));
        const error = await errorOf(
          bench.provider({ retries: 0 }).embed({ ...embedding, texts: ['a', 'b'] }),
        );
        assert.equal(error.details['reason'], 'malformed');
      });

    it('Provider: batches of different lengths, malformed', async () => {
      bench.server.script(
        json({ data: [{ index: 0, embedding: [1] }] }),
        json({ data: [{ index: 0, embedding: [1, 2] }] }),
      );
      const provider = bench.provider({ embeddingBatch: 1 });
      assert.match(
        (await errorOf(provider.embed({ ...embedding, texts: ['a', 'b'] }))).message,
        /differ in length/,
      );
    });

    it('Provider: the program names no model, the one of the configuration or an error that tells of it', async () => {
      const request = { ...embedding, model: undefined, texts: ['a'] };
      assert.match((await errorOf(bench.provider().embed(request))).message, /set models\.embedding/);
      await bench.provider({ embedding: { provider: 'openai', model: 'e-1' } }).embed(request);
      assert.equal(bench.server.asked[0]?.body['model'], 'e-1');
    });

    it('Provider: embedding as a modality, a vector for a text and vectors for a list', async () => {
      const provider = bench.provider();
      assert.deepEqual((await provider.call(calling('embedding'))).output, vectorOf('hello'));
      const list = await provider.call(
        calling('embedding', { input: ['a', 'b'], params: { dimensions: 2 } }),
      );
      assert.deepEqual(list.output, [vectorOf('a'), vectorOf('b')]);
      assert.equal(bench.server.asked[1]?.body['dimensions'], 2);
    });
  });

  it('Provider: text to speech, audio in base64 with its type', async () => {
    const bytes = Uint8Array.from([0, 255, 1]);
    bench.server.script({ headers: { 'content-type': 'audio/mpeg' }, pieces: [bytes] });
    const { output, model: answered } = await bench
      .provider()
      .call(calling('tts', { params: { voice: 'nova' } }));
    assert.deepEqual(output, { data: 'AP8B', media_type: 'audio/mpeg' });
    assert.equal(answered, 'openai/m-1');
    assert.deepEqual(bench.server.asked[0]?.body, { voice: 'nova', model: 'm-1', input: 'hello' });
  });

  it('Provider: speech to text, sent as a form and given back as the text', async () => {
    bench.server.script(json({ text: 'hi', usage: { input_tokens: 4, output_tokens: 1 } }));
    const input = { data: 'AP8B', media_type: 'audio/mpeg' };
    const { output, usage } = await bench
      .provider()
      .call(calling('stt', { input, params: { language: 'en' } }));
    assert.deepEqual([output, usage], ['hi', { inputTokens: 4, outputTokens: 1 }]);
    const [asked] = bench.server.asked;
    assert.equal(asked?.path, '/v1/audio/transcriptions');
    assert.match(asked.headers['content-type'] ?? '', /^multipart\/form-data; boundary=/);
    assert.match(asked.text, /filename="audio\.mpeg"[\s\S]*name="model"\s+m-1[\s\S]*name="language"\s+en/);
  });

  it('Provider: speech to text in detail, the whole object; a data URL is read too', async () => {
    bench.server.script(json({ text: 'hi', duration: 2 }));
    const params = { response_format: 'verbose_json' };
    const input = 'data:audio/ogg;codecs=opus;base64,AP8B';
    const { output } = await bench.provider().call(calling('stt', { input, params }));
    assert.deepEqual(output, { text: 'hi', duration: 2 });
    assert.match(bench.server.asked[0]?.text ?? '', /audio\/ogg/);
  });

  it('Provider: images, as data or as addresses', async () => {
    bench.server.script(json({ data: [{ b64_json: 'AA==' }, { url: 'https://x/y', revised_prompt: 'z' }] }));
    const { output } = await bench
      .provider()
      .call(calling('image_generation', { input: { prompt: 'a cat' } }));
    assert.deepEqual(output, [{ data: 'AA==' }, { url: 'https://x/y', revised_prompt: 'z' }]);
    assert.equal(bench.server.asked[0]?.body['prompt'], 'a cat');
  });

  it('Provider: a fallback for speech, asked when the first has none', async () => {
    bench.server.script(failing(404), { headers: { 'content-type': 'audio/wav' }, pieces: ['x'] });
    const fallback = [{ provider: 'openai', model: 'm-2' }];
    const { model: answered } = await bench.provider().call(calling('tts', { model: model({ fallback }) }));
    assert.equal(answered, 'openai/m-2');
  });

  it('Provider: an unknown modality, or an input that does not fit, refused without a request', async () => {
    const provider = bench.provider();
    assert.match((await errorOf(provider.call(calling('smell')))).message, /there are tts, /);
    assert.match((await errorOf(provider.call(calling('constructor')))).message, /there are tts, /);
    assert.match((await errorOf(provider.call(calling('tts', { input: 4 })))).message, /has to be a text/);
    assert.match((await errorOf(provider.call(calling('stt', { input: '%' })))).message, /not base64/);
    assert.match(
      (await errorOf(provider.call(calling('embedding', { input: {} })))).message,
      /list of texts/,
    );
    assert.equal(bench.server.asked.length, 0);
  });
});
