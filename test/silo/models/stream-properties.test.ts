import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FakeClock, SeededRng } from '../../../lib/index.ts';
import { type ModelResult, ScaiCoreError } from '../../../lib/lang/index.ts';
import { createOpenAiProvider } from '../../../silo/index.ts';
import { chatEvents, sse } from '../../support/fake-model-server.ts';
import { macrotask } from '../../support/system-macrotask.ts';
import { asking } from './support.ts';

/** What a program sees when the service sends exactly these bytes. */
async function outcomeOf(bytes: Uint8Array, contentType: string): Promise<ModelResult | ScaiCoreError> {
  const clock = new FakeClock({ defer: (run) => void macrotask().then(run) });
  const provider = createOpenAiProvider(
    { providers: { openai: { baseUrl: 'http://127.0.0.1:9/v1' } }, retries: 0 },
    {
      clock,
      rng: new SeededRng(1),
      fetch: () => Promise.resolve(new Response(bytes, { headers: { 'content-type': contentType } })),
    },
  );
  const outcome = await provider.complete(asking()).catch((thrown: unknown) => thrown);
  assert.equal(clock.nextDueMs, undefined, 'a timer is left');
  if (outcome instanceof Error && !(outcome instanceof ScaiCoreError)) throw outcome;
  return outcome as ModelResult | ScaiCoreError;
}

describe('silo/models: streams, by properties', () => {
  it('Provider: a stream that breaks off anywhere, the whole text or an error, never a part of it', async () => {
    const text = 'ein großes Wort';
    const whole = Buffer.from(chatEvents(text).map(sse).join('') + 'data: [DONE]\n\n');
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length), async (length) => {
        const outcome = await outcomeOf(whole.subarray(0, length), 'text/event-stream');
        if (outcome instanceof ScaiCoreError) assert.equal(outcome.details['reason'], 'malformed');
        else assert.equal(outcome.text, text);
      }),
    );
  });

  it('Provider: any JSON or bytes in place of an answer, an answer or a ModelProviderError', async () => {
    const key = fc.constantFrom(
      'choices',
      'delta',
      'message',
      'content',
      'tool_calls',
      'function',
      'usage',
      'error',
      'index',
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, true, 0, -1, 'x', 'stop', ''),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const body = fc.oneof(
      tree.map((value) => Buffer.from(JSON.stringify(value))),
      tree.map((value) => Buffer.from(`${sse(value)}data: [DONE]\n\n`)),
      fc.uint8Array({ maxLength: 60 }),
    );
    const type = fc.constantFrom('text/event-stream', 'application/json', '');
    await fc.assert(
      fc.asyncProperty(body, type, async (bytes, contentType) => {
        const outcome = await outcomeOf(bytes, contentType);
        if (outcome instanceof ScaiCoreError) assert.equal(outcome.errorType, 'ModelProviderError');
        else assert.equal(typeof outcome.text, 'string');
      }),
      { numRuns: 300 },
    );
  });
});
