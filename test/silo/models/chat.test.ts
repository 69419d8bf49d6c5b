import assert from 'node:assert/strict';
import type { JsonValue } from '../../../lib/lang/index.ts';
import { chat, chatEvents, failing, sse, stream } from '../../support/fake-model-server.ts';
import { asking, Bench, errorOf, model } from './support.ts';

const INVOICE: JsonValue = {
  type: 'object',
  properties: { vendor: { type: 'string' }, total: { type: 'number' } },
  required: ['vendor', 'total'],
  additionalProperties: false,
};

describe('silo/models: chat', () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
  });
  after(() => bench.server.stop());
  beforeEach(() => {
    bench.server.asked.length = 0;
    bench.reports.length = 0;
  });

  const lastBody = (): Readonly<Record<string, unknown>> => bench.server.asked.at(-1)?.body ?? {};

  it('Provider: a plain question, answered from a stream with the usage that the service tells', async () => {
    const result = await bench.provider().complete(asking({ model: model({ temperature: 0.5 }) }));
    assert.deepEqual(result, {
      text: 'hello there',
      usage: { inputTokens: 7, outputTokens: 3 },
      finish: 'stop',
      model: 'openai/m-1',
    });
    assert.deepEqual(lastBody(), {
      model: 'm-1',
      messages: [{ role: 'user', content: 'hello there' }],
      temperature: 0.5,
      stream: true,
      stream_options: { include_usage: true },
    });
    assert.equal(bench.server.asked[0]?.path, '/v1/chat/completions');
    assert.match(bench.server.asked[0]?.headers['authorization'] ?? '', /^Bearer sk-/);
    assert.equal(bench.reports[0]?.isEstimated, false);
  });

  it('Provider: a service without streams, or that ignores the wish for one, answered all the same', async () => {
    const { baseUrl } = bench.server;
    const whole = bench.provider({ providers: { openai: { baseUrl, stream: false } } });
    assert.equal((await whole.complete(asking())).text, 'hello there');
    assert.equal(lastBody()['stream'], false);
    assert.equal(bench.server.asked.at(-1)?.headers['authorization'], undefined);
    bench.server.script(({ body }) =>
      chat('in one piece')({ body: { ...body, stream: false }, path: '', headers: {}, text: '' }),
    );
    assert.equal((await bench.provider().complete(asking())).text, 'in one piece');
  });

  it('Provider: the usage is missing, estimated from the lengths and said to be so', async () => {
    bench.server.script(chat('12345678', { usage: null }));
    const { usage } = await bench.provider().complete(asking());
    assert.deepEqual(usage, { inputTokens: 3, outputTokens: 2 });
    assert.equal(bench.reports[0]?.isEstimated, true);
  });

  it('Provider: prices are known, the cost is in the usage', async () => {
    const { baseUrl } = bench.server;
    const prices = { 'm-1': { input: 1_000_000, output: 2_000_000 } };
    const priced = bench.provider({ providers: { openai: { baseUrl, prices } } });
    assert.deepEqual((await priced.complete(asking())).usage, { inputTokens: 7, outputTokens: 3, cost: 13 });
  });

  it('Provider: an answer that is refused, filtered or cut off, told by finish and not by an error', async () => {
    bench.server.script(
      chat('', { refusal: 'I will not.' }),
      chat('half', { finish: 'content_filter' }),
      chat('too lo', { finish: 'length' }),
    );
    const provider = bench.provider();
    const request = asking({ model: model({ fallback: [{ provider: 'openai', model: 'm-2' }] }) });
    const refused = await provider.complete(request);
    assert.deepEqual([refused.text, refused.finish], ['I will not.', 'refusal']);
    assert.equal((await provider.complete(request)).finish, 'refusal');
    assert.equal((await provider.complete(request)).finish, 'length');
    assert.equal(bench.server.asked.length, 3);
  });

  describe('structured answers', () => {
    it('Provider: a closed schema, asked for in strict mode', async () => {
      bench.server.script(chat('{"vendor":"A","total":1}'));
      const { text } = await bench.provider().complete(asking({ outputSchema: INVOICE }));
      assert.equal(text, '{"vendor":"A","total":1}');
      assert.deepEqual(lastBody()['response_format'], {
        type: 'json_schema',
        json_schema: { name: 'main_primary', strict: true, schema: INVOICE },
      });
    });

    it('Provider: a schema with optional properties, asked for without strict mode', async () => {
      const outputSchema: JsonValue = { type: 'object', properties: { a: { type: 'string' } } };
      await bench.provider().complete(asking({ outputSchema }));
      const format = lastBody()['response_format'] as { json_schema: { strict: boolean } };
      assert.equal(format.json_schema.strict, false);
    });

    it('Provider: a list at the root, wrapped in an object for the service and unwrapped for the program', async () => {
      bench.server.script(chat('{"value":["a","b"]}'));
      const item = { $ref: '#/$defs/Item' };
      const outputSchema: JsonValue = { type: 'array', items: item, $defs: { Item: { type: 'string' } } };
      const { text } = await bench.provider().complete(asking({ outputSchema }));
      assert.equal(text, '["a","b"]');
      const format = lastBody()['response_format'] as { json_schema: { schema: unknown } };
      assert.deepEqual(format.json_schema.schema, {
        type: 'object',
        properties: { value: { type: 'array', items: item } },
        required: ['value'],
        additionalProperties: false,
        $defs: { Item: { type: 'string' } },
      });
    });

    it('Provider: schemas are refused, asked for as JSON with the schema in words, and the next time at once', async () => {
      bench.server.refuses.add('json_schema');
      const provider = bench.provider();
      bench.server.script(chat('```json\n{"vendor":"A","total":1}\n```'));
      const request = asking({
        outputSchema: INVOICE,
        messages: [
          { role: 'system', content: 'You read invoices.' },
          { role: 'user', content: 'read' },
        ],
      });
      assert.equal((await provider.complete(request)).text, '{"vendor":"A","total":1}');
      assert.equal(bench.server.asked.length, 2);
      assert.deepEqual(lastBody()['response_format'], { type: 'json_object' });
      const [system] = lastBody()['messages'] as { content: string }[];
      assert.match(system?.content ?? '', /^You read invoices\.\n\nAnswer with one JSON object.*"vendor"/s);
      await provider.complete(request);
      assert.equal(bench.server.asked.length, 3);
      bench.server.refuses.clear();
    });

    it('Provider: no kind of format is taken, asked for in words alone', async () => {
      bench.server.refuses.add('json_schema').add('json_object').add('stream_options');
      bench.server.script(chat('{"value": 4}'));
      const { text } = await bench.provider().complete(asking({ outputSchema: { type: 'integer' } }));
      assert.equal(text, '4');
      assert.equal(lastBody()['response_format'], undefined);
      assert.equal(lastBody()['stream_options'], undefined);
      bench.server.refuses.clear();
    });

    it('Provider: a bad request that has nothing to do with the schema, told after one plainer request', async () => {
      bench.server.script(failing(400, 'the context is too long'), failing(400, 'the context is too long'));
      const error = await errorOf(bench.provider().complete(asking({ outputSchema: INVOICE })));
      assert.equal(error.details['status'], 400);
      assert.equal(bench.server.asked.length, 2);
    });
  });

  describe('streams', () => {
    const events = chatEvents('grüße', { pieceLength: 2 }).map(sse).join('');

    it('Provider: CRLF, comments and letters cut in two, read as if they were whole', async () => {
      const bytes = Buffer.from(`: keep alive\r\n\r\n${events.replaceAll('\n', '\r\n')}data: [DONE]\r\n\r\n`);
      bench.server.script(stream(Array.from(bytes, (_byte, at) => bytes.subarray(at, at + 1))));
      const { text, usage } = await bench.provider().complete(asking());
      assert.equal(text, 'grüße');
      assert.deepEqual(usage, { inputTokens: 7, outputTokens: 3 });
    });

    it('Provider: no [DONE] but a reason to finish, taken as the end', async () => {
      bench.server.script(stream([events]));
      assert.equal((await bench.provider().complete(asking())).text, 'grüße');
    });

    for (const [name, broken] of [
      ['cut off by the connection', stream([events.slice(0, 200)], 'cut')],
      ['ended in the middle', stream([events.slice(0, 200)])],
      ['not JSON', stream(['data: {"choices": [\n\n', 'data: [DONE]\n\n'])],
      ['an overload in the middle', stream([sse({ error: { message: 'busy', type: 'overloaded_error' } })])],
      ['an event of type error', stream(['event: error\ndata: {"message":"busy","code":503}\n\n'])],
    ] as const)
      it(`Provider: a stream that is ${name}, asked for again`, async () => {
        bench.server.script(broken, chat('at last'));
        assert.equal((await bench.provider().complete(asking())).text, 'at last');
        assert.equal(bench.server.asked.length, 2);
      });

    it('Provider: an error of the request in the middle of a stream, not asked for again', async () => {
      const error = { message: 'context too long', code: 'context_length_exceeded' };
      bench.server.script(stream([sse({ error })]));
      const thrown = await errorOf(bench.provider().complete(asking()));
      assert.equal(thrown.details['status'], 400);
      assert.match(thrown.message, /context too long/);
      assert.equal(bench.server.asked.length, 1);
    });
  });

  describe('tools', () => {
    const add = {
      name: 'add',
      description: 'Adds two numbers.',
      parameters: { type: 'object' },
      run: ({ a, b }: Readonly<Record<string, JsonValue>>): JsonValue => Number(a) + Number(b),
    };
    const ask = (args: string, name = 'add'): ReturnType<typeof chat> =>
      chat('', { finish: 'tool_calls', toolCalls: [{ id: 'c1', name, args }] });

    it('Provider: a tool is asked for, run and its result told, until there is an answer', async () => {
      bench.server.script(ask('{"a":1,"b":2}'), chat('it is 3'));
      const { text, usage } = await bench.provider({ tools: [add] }).complete(asking());
      assert.equal(text, 'it is 3');
      assert.deepEqual(usage, { inputTokens: 14, outputTokens: 6 });
      assert.deepEqual((lastBody()['messages'] as unknown[]).slice(1), [
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ id: 'c1', type: 'function', function: { name: 'add', arguments: '{"a":1,"b":2}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: '3' },
      ]);
      assert.equal(bench.reports.length, 2);
    });

    it('Provider: unknown tools, broken arguments and tools that throw, told to the model', async () => {
      const fails = { ...add, name: 'fails', run: (): JsonValue => assert.fail('out of order') };
      bench.server.script(ask('{}', 'sub'), ask('{"a":'), ask('{}', 'fails'), chat('sorry'));
      await bench.provider({ tools: [add, fails] }).complete(asking());
      const told = (lastBody()['messages'] as { role: string; content: string }[])
        .filter(({ role }) => role === 'tool')
        .map(({ content }) => content);
      assert.deepEqual(told, [
        '{"error":"there is no tool sub; there are add, fails"}',
        '{"error":"the arguments have to be one JSON object"}',
        '{"error":"out of order"}',
      ]);
    });

    it('Provider: a model that never stops asking for tools, ended at the bound', async () => {
      bench.server.script(...Array.from({ length: 3 }, () => ask('{"a":1,"b":2}')));
      const provider = bench.provider({ tools: [add], toolRoundsMax: 2 });
      const fallback = [{ provider: 'openai', model: 'm-2' }];
      const error = await errorOf(provider.complete(asking({ model: model({ fallback }) })));
      assert.match(error.message, /more than 2 times/);
      assert.equal(bench.server.asked.length, 3);
    });

    it('Provider: a fallback after a tool was run, goes on with its result', async () => {
      let runs = 0;
      const counted = { ...add, run: (): JsonValue => (runs += 1) };
      bench.server.script(ask('{}'), failing(401), chat('from the other'));
      const fallback = [{ provider: 'openai', model: 'm-2' }];
      const result = await bench
        .provider({ tools: [counted] })
        .complete(asking({ model: model({ fallback }) }));
      assert.deepEqual([result.text, result.model, runs], ['from the other', 'openai/m-2', 1]);
    });

    it('Provider: a tool for other roles, not offered', async () => {
      await bench.provider({ tools: [{ ...add, roles: ['helper'] }] }).complete(asking());
      assert.equal(lastBody()['tools'], undefined);
    });
  });
});
