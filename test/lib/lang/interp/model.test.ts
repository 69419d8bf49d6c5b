import assert from 'node:assert/strict';
import {
  CoreEngine,
  type ExecutionResult,
  type IRModule,
  type JsonValue,
  type MockModelOptions,
  MockModelProvider,
  type ModelResult,
} from '../../../../lib/lang/index.ts';
import { load, moduleFrom, outputOf, resolveAll, testClock, testEnv } from './ir-kit.ts';

const core = (more = ''): string => `@core Test {
  version = "1.0.0"
  @models { primary = { model = "big" }
    cheap = { model = "small" }
    voice = { model = "v", modalities = [:tts] } }
  ${more}
}`;

async function ask(
  block: string,
  options: MockModelOptions,
  more = '',
): Promise<{ readonly result: ExecutionResult; readonly models: MockModelProvider }> {
  const models = new MockModelProvider(options);
  const source = `${core(more)}
    @flow main(doc: string = "text") { ${block}
      return x }`;
  const result = await load(source, testEnv({ modelProviders: models })).invoke({ flow: 'main' });
  return { result, models };
}

const flexible = (more = '', output = '{ n: int }'): string =>
  `x = @flexible { goal = "count"\n input = doc\n output = ${output}\n ${more} }`;
const said = (result: Partial<ModelResult>): { readonly result: Partial<ModelResult> } => ({ result });

describe('Flexible blocks', () => {
  it('Messages: identity, goal, guidance, rules of core and block, examples, input, context', async () => {
    const block = `x = @flexible {
      goal = "sort \${doc}"
      guidance = "be brief"
      input = { doc: doc, n: 1 }
      context = "it is late"
      llm = cheap
      constraints = { never = ["guess"], always = ["cite"] }
      examples = [{ input: "a", output: { n: 1 } }]
      output = { n: int }
    }`;
    const more = `identity = { name = "Bo", personality = "kind" }
      @constraints { never = ["lie"], prefer = ["short words"] }`;
    const { models, result } = await ask(block, { sequence: [{ n: 4 }] }, more);
    assert.deepEqual(result.output, { n: 4 });
    const [request] = models.requests;
    assert.deepEqual(request?.messages, [
      {
        role: 'system',
        content:
          'You are Bo.\npersona: kind\n\nGoal: sort text\n\nGuidance: be brief\n\nNever:\n- lie\n- guess\n\nAlways:\n- cite\n\nPrefer:\n- short words',
      },
      { role: 'user', content: 'Input:\na' },
      { role: 'assistant', content: '{\n  "n": 1\n}' },
      { role: 'user', content: 'Input:\n{\n  "doc": "text",\n  "n": 1\n}\n\nContext:\nit is late' },
    ]);
    assert.deepEqual([request.role, request.model.model, request.scope.flow], ['cheap', 'small', 'main']);
    assert.equal((request.outputSchema as { type: string }).type, 'object');
    assert.deepEqual(
      { ...result.usage, steps: 0 },
      { llmCalls: 1, inputTokens: 10, outputTokens: 5, cost: 0, steps: 0 },
    );
  });

  it('Constraints: inherit = false leaves the rules of the core out', async () => {
    const block = flexible('constraints = { always = ["cite"], inherit = false }');
    const { models } = await ask(block, {}, '@constraints { never = ["lie"] }');
    assert.doesNotMatch(models.requests[0]?.messages[0]?.content ?? '', /lie/);
  });

  it('Answers: JSON between fences or words is read, text needs no quotes', async () => {
    const fenced = await ask(flexible(), { sequence: ['Sure:\n```json\n{"n": 2}\n```\nDone.'] });
    assert.deepEqual(fenced.result.output, { n: 2 });
    const wordy = await ask(flexible(), { sequence: ['The answer is {"n": 3}.'] });
    assert.deepEqual(wordy.result.output, { n: 3 });
    const text = await ask(flexible('', 'string'), { sequence: ['{"n": 3}'] });
    assert.equal(text.result.output, '{"n": 3}');
    assert.equal(text.models.requests[0]?.outputSchema, undefined);
    const symbol = await ask(flexible('', 'enum[low, high]'), { sequence: [' high\n'] });
    assert.equal(symbol.result.output, 'high');
  });

  it('Parse error: asked once more by default, with what was wrong; then OutputValidationError', async () => {
    const helped = await ask(flexible(), { sequence: ['no', { n: 1 }] });
    assert.deepEqual(helped.result.output, { n: 1 });
    const [, second] = helped.models.requests;
    assert.deepEqual(second?.messages.slice(-2), [
      { role: 'assistant', content: 'no' },
      { role: 'user', content: 'That answer cannot be used: it is no JSON.\n\nAnswer again.' },
    ]);
    const lost = await ask(flexible(), { sequence: ['no', { n: 'x' }, { n: 1 }] });
    assert.equal(lost.result.error?.errorType, 'OutputValidationError');
    assert.equal(lost.models.requests.length, 2);
    const cut = await ask(flexible(), {
      sequence: [said({ text: '{"n":', finish: 'length' }), said({ text: '', finish: 'length' })],
    });
    assert.match(cut.result.error?.message ?? '', /cut off/);
  });

  it('Rules: retries with a note, then the next action', async () => {
    const rule = `on_failure = { parse_error = retry(max = 2, with = "JSON only") | escalate }`;
    const { result, models } = await ask(flexible(rule), { sequence: ['a', 'b', 'c'] });
    assert.equal(result.error?.errorType, 'EscalationError');
    assert.deepEqual(result.error.details, { failure: 'parse_error', answer: 'c' });
    assert.equal(models.requests.length, 3);
    assert.match(models.requests[2]?.messages.at(-1)?.content ?? '', /JSON only$/);
  });

  it('Classes: refusal, low confidence, flags of the model', async () => {
    const failureOf = async (
      answer: JsonValue | { readonly result: Partial<ModelResult> },
      failure: string,
    ): Promise<unknown> => {
      const { result } = await ask(flexible(`on_failure = { ${failure} = escalate }`), {
        sequence: [answer],
      });
      return result.error ? result.error.details : result.output;
    };
    const refusal = (await failureOf(said({ text: 'no', finish: 'refusal' }), 'refusal')) as {
      failure: string;
    };
    assert.equal(refusal.failure, 'refusal');
    const doubt = (await failureOf(said({ text: '{"n":1}', confidence: 0.4 }), 'low_confidence')) as {
      failure: string;
    };
    assert.equal(doubt.failure, 'low_confidence');
    const flagged = (await failureOf({ n: 1, _flags: ['hallucination'] }, 'hallucination')) as {
      failure: string;
    };
    assert.equal(flagged.failure, 'hallucination');
    // Nobody said what to do about low confidence, so the answer stands; what is reserved is no part of it.
    assert.deepEqual(await failureOf({ n: 1, _confidence: 0.1 }, 'refusal'), { n: 1 });
  });

  it('Confidence: the bound is a setting', async () => {
    const more = '@config { @param min_confidence: float = 0.3 }';
    const block = flexible('on_failure = { low_confidence = escalate }');
    const { result } = await ask(block, { sequence: [said({ text: '{"n":1}', confidence: 0.4 })] }, more);
    assert.deepEqual(result.output, { n: 1 });
  });

  it('Flag: a person gives the value, and it has to be of the type', async () => {
    const source = `${core()} @flow main(doc: string = "d") {
      ${flexible('on_failure = { parse_error = flag_and_checkpoint }')}
      return x.n + 1 }`;
    const env = testEnv({ modelProviders: new MockModelProvider({ sequence: ['?', '?'] }) });
    const { result, records } = await resolveAll(moduleFrom(source), env, { flow: 'main' }, () => ({
      decision: { n: 6 },
    }));
    assert.deepEqual(
      [result.output, records[0]?.checkpoint_type, records[0]?.prompt],
      [7, 'flagged', 'count'],
    );
    assert.deepEqual(records[0]?.payload, { failure: 'parse_error', message: 'it is no JSON', answer: '?' });
    const wrong = await resolveAll(moduleFrom(source), env, { flow: 'main' }, () => ({ decision: 'six' }));
    assert.equal(wrong.result.error?.errorType, 'OutputValidationError');
  });

  it('Provider: its errors can be caught by class', async () => {
    const models = new MockModelProvider({ sequence: [new Error('down')] });
    const source = `${core()} @flow main(doc: string = "d"): string {
      @try { ${flexible()} } @catch ModelProviderError e { return e.message }
      return "no" }`;
    assert.equal(await outputOf(load(source, testEnv({ modelProviders: models })), 'main'), 'down');
  });

  it('Default answers: of the type that was asked for', async () => {
    const { result } = await ask(
      flexible('', '{ n: int, s: string?, xs: array[{ d: date }], m: map[string, bool] }'),
      {},
    );
    assert.deepEqual(result.output, { n: 1, s: 'text', xs: [{ d: '2026-01-01' }], m: {} });
  });
});

describe('Guarded blocks', () => {
  const guarded = (more: string): string =>
    `x = @guarded { goal = "count"\n input = { pages: 3 }\n output = { n: int }\n ${more} }`;

  it('Guard: what does not hold before keeps the model from being asked', async () => {
    const { result, models } = await ask(guarded('guard = { input.pages < 3 }'), {});
    assert.equal(result.error?.errorType, 'GuardViolationError');
    assert.equal(models.requests.length, 0);
  });

  it('Validate: sees input and output; a body for failures stands in', async () => {
    const fine = await ask(guarded('validate = { output.n > input.pages\n result.n < 9 }'), {
      sequence: [{ n: 4 }],
    });
    assert.deepEqual(fine.result.output, { n: 4 });
    const refused = await ask(guarded('validate = { output.n > input.pages }'), { sequence: [{ n: 1 }] });
    assert.equal(refused.result.error?.errorType, 'GuardViolationError');
    const body = await ask(
      guarded('validate = { output.n > 9 }\n on_validation_failure = { y = 40\n { n: y + 2 } }'),
      {
        sequence: [{ n: 1 }],
      },
    );
    assert.deepEqual(body.result.output, { n: 42 });
  });

  it('Validate: with a rule for constraint violations the model is asked again', async () => {
    const rule = 'validate = { output.n > 9 }\n on_failure = { constraint_violation = retry(max = 1) }';
    const { result } = await ask(guarded(rule), { sequence: [{ n: 1 }, { n: 10 }] });
    assert.deepEqual(result.output, { n: 10 });
  });
});

describe('Model calls and budgets', () => {
  it('Model call: modality, input, params; the output is checked', async () => {
    const block = `x = @model_call { modality = :tts
      llm = voice
      input = doc
      params = { speed = 2 }
      output = { url: string } }`;
    const { result, models } = await ask(block, { call: ({ modality }) => ({ url: modality }) });
    assert.deepEqual(result.output, { url: 'tts' });
    const [call] = models.calls;
    assert.deepEqual([call?.role, call?.input, call?.params], ['voice', 'text', { speed: 2 }]);
    const wrong = await ask(block, { call: () => ({ url: 1 }) });
    assert.equal(wrong.result.error?.errorType, 'OutputValidationError');
  });

  it('Budgets: calls, tokens, retries, cost; outer ones count what is inside', async () => {
    const limit = async (
      limits: string,
      inside: string,
      usage?: MockModelOptions['usage'],
    ): Promise<unknown> => {
      const block = `@budget { ${limits}\n ${inside} }\n x = 1`;
      const { result } = await ask(block, { sequence: ['?', '?'], ...(usage && { usage }) });
      return (result.error?.details as { limit?: string } | undefined)?.limit ?? result.output;
    };
    const rule = 'on_failure = { parse_error = retry(max = 3) }';
    const twice = `${flexible('', 'string').replace('x =', 'y =')}\n ${flexible('', 'string').replace('x =', 'z =')}`;
    assert.equal(await limit('max_llm_calls = 1', twice), 'max_llm_calls');
    assert.equal(await limit('max_llm_calls = 2', twice), 1);
    assert.equal(await limit('max_tokens = 20', twice), 'max_tokens');
    assert.equal(
      await limit('max_cost = 1', twice, { inputTokens: 1, outputTokens: 1, cost: 0.6 }),
      'max_cost',
    );
    assert.equal(await limit('max_retries = 1', flexible(rule).replace('x =', 'y =')), 'max_retries');
    assert.equal(
      await limit('max_llm_calls = 1', `@budget { max_llm_calls = 5\n ${twice} }`),
      'max_llm_calls',
    );
    assert.equal(
      await limit('max_llm_calls = 9', flexible('@budget { max_retries = 0 }').replace('x =', 'y =')),
      'max_retries',
    );
  });

  it('Budgets: time ends a request that does not answer', async () => {
    const clock = testClock();
    const never = (): Promise<JsonValue> =>
      new Promise(() => {
        queueMicrotask(() => {
          clock.advance(60_000);
        });
      });
    const source = `${core()} @flow main(doc: string = "d") {
      @budget { max_duration = 30s\n ${flexible()} }\n return x }`;
    const env = testEnv({ clock, modelProviders: new MockModelProvider({ sequence: [never] }) });
    const result = await CoreEngine.load(moduleFrom(source), env).invoke({ flow: 'main' });
    assert.equal(result.error?.errorType, 'BudgetExceededError');
    assert.deepEqual(result.error.details, { limit: 'max_duration_ms', max: 30_000 });
  });

  it('Load: models without a provider, plugins that are not there, other versions of the IR', () => {
    const source = `${core('@plugins { p = a/b@1.0.0 }')} @flow main(doc: string) { ${flexible()}\n y = p.q()\n return x }`;
    assert.throws(
      () => load(source, testEnv()),
      /LoadError: .*plugin 'p' \(a\/b@1\.0\.0\) is not there; it calls models, and there is no model provider/,
    );
    const elsewhere = (fallback: string): IRModule =>
      moduleFrom(`@core Test { version = "1.0.0"
        @models { primary = { provider = :anthropic, model = "m", fallback = [${fallback}] } } }
        @flow main(doc: string) { ${flexible()}\n return x }`);
    const env = testEnv({
      modelProviders: Object.assign(new MockModelProvider(), { providers: ['scaigrid', 'openai'] }),
    });
    assert.throws(
      () => CoreEngine.load(elsewhere('{ provider = :mistral, model = "n" }'), env),
      /LoadError: .*'primary' is of provider 'anthropic', 'mistral', which is not there; there are: 'scaigrid', 'openai'$/m,
    );
    CoreEngine.load(elsewhere('{ provider = :openai, model = "n" }'), env);
    CoreEngine.load(elsewhere(''), testEnv({ modelProviders: new MockModelProvider() }));
    const old = { ...moduleFrom('@flow main() { return 1 }'), schema_version: '9.0.0' };
    assert.throws(() => CoreEngine.load(old, testEnv()), /LoadError: .*version 9\.0\.0/);
  });
});
