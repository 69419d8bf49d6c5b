// ChatClient: conversations with models, one request after another until there is an answer.
// Owns: the form of requests, tool calls, and what a model was found to refuse. Does not own: which model is asked
// (openai-provider.ts), retries (backend-client.ts).
//   C1. A conversation outlives the model that it began with: tools that were run are not run again by a fallback.
//   C2. What a model refused for a schema (a kind of `response_format`, `stream_options`) is not asked again by this process.
import { utf8Length } from '../../lib/index.ts';
import type { JsonValue, ModelRequest, ModelResult } from '../../lib/lang/index.ts';
import { ScaiCoreError } from '../../lib/lang/index.ts';
import {
  type AnswerFormat,
  answerFormat,
  formatInWords,
  responseFormat,
  valueText,
} from './answer-format.ts';
import type { BackendClient, CallLimits } from './backend-client.ts';
import { type ChatAnswer, readChatAnswer, type ToolCall } from './chat-answer.ts';
import type { ModelTool, ResolvedOpenAiOptions, StructuredOutput } from './model-options.ts';
import { type ModelTarget, providerError } from './provider-error.ts';
import { runTool } from './tools.ts';
import type { UsageMeter } from './usage-meter.ts';

type WireMessage = Readonly<Record<string, unknown>>;

/** What is said so far, and what it cost. */
export interface Conversation {
  readonly request: ModelRequest;
  readonly format: AnswerFormat | undefined;
  readonly tools: readonly ModelTool[];
  readonly messages: WireMessage[];
  toolRounds: number;
  inputTokens: number;
  outputTokens: number;
  cost: number;
}

/** What is asked of a model beside the messages. */
interface Manner {
  readonly structured: StructuredOutput;
  readonly hasStreamOptions: boolean;
}

export class ChatClient {
  readonly #client: BackendClient;
  readonly #options: ResolvedOpenAiOptions;
  readonly #meter: UsageMeter;
  readonly #manners = new Map<string, Manner>();

  constructor(client: BackendClient, options: ResolvedOpenAiOptions, meter: UsageMeter) {
    this.#client = client;
    this.#options = options;
    this.#meter = meter;
  }

  begin(request: ModelRequest): Conversation {
    const { outputSchema, scope, role } = request;
    const format =
      outputSchema === undefined ? undefined : answerFormat(outputSchema, `${scope.flow}_${role}`);
    const tools = this.#options.tools.filter(({ roles }) => roles === undefined || roles.includes(role));
    const messages: WireMessage[] = request.messages.map((message) => ({ ...message }));
    return { request, format, tools, messages, toolRounds: 0, inputTokens: 0, outputTokens: 0, cost: 0 };
  }

  /** Goes on with the conversation until the model answers. @throws ModelProviderError, CancelledError */
  async run(conversation: Conversation, target: ModelTarget, limits: CallLimits): Promise<ModelResult> {
    for (;;) {
      const answer = await this.#ask(conversation, target, limits);
      if (answer.finish !== 'tool_calls' || conversation.tools.length === 0)
        return this.#result(conversation, answer, target);
      await this.#runTools(conversation, answer, target);
    }
  }

  async #runTools(conversation: Conversation, answer: ChatAnswer, target: ModelTarget): Promise<void> {
    const { toolRoundsMax } = this.#options;
    const { request, tools, messages } = conversation;
    conversation.toolRounds += 1;
    if (conversation.toolRounds > toolRoundsMax) {
      const message = `asked for tools more than ${toolRoundsMax} times without an answer`;
      throw providerError(target, message, { reason: 'tools', retryable: false });
    }
    const calls = answer.toolCalls;
    // Together: a conversation in which a call has no answer would be refused by the next model.
    const said: WireMessage[] = [
      { role: 'assistant', content: answer.text, tool_calls: calls.map(wireCall) },
    ];
    for (const call of calls) {
      const content = await runTool(call, tools, { scope: request.scope, signal: request.signal });
      if (request.signal?.aborted === true)
        throw new ScaiCoreError('CancelledError', 'the call was cancelled');
      said.push({ role: 'tool', tool_call_id: call.id, content });
    }
    messages.push(...said);
  }

  /** One answer, in the manner that the model takes. */
  async #ask(conversation: Conversation, target: ModelTarget, limits: CallLimits): Promise<ChatAnswer> {
    const { structuredOutput: structured = 'json_schema' } = this.#client.backend(target);
    // By schema too: a model that takes most of them may refuse one.
    const name = JSON.stringify([target.provider, target.model, conversation.format?.schema ?? null]);
    let manner = this.#manners.get(name) ?? { structured, hasStreamOptions: true };
    for (;;) {
      try {
        const answer = await this.#request(conversation, target, manner, limits);
        this.#manners.set(name, manner);
        return answer;
      } catch (thrown) {
        const next = plainer(thrown, manner, conversation.format !== undefined);
        if (next === undefined) throw thrown;
        manner = next;
      }
    }
  }

  async #request(
    conversation: Conversation,
    target: ModelTarget,
    manner: Manner,
    limits: CallLimits,
  ): Promise<ChatAnswer> {
    const isStream = this.#client.backend(target).stream ?? true;
    const text = JSON.stringify(requestBody(conversation, target, manner, isStream));
    const { scope, role } = conversation.request;
    const report = this.#meter.begin({ scope, role, target, modality: 'text' });
    const request = { target, path: 'chat/completions', body: () => text, isStream, read: readChatAnswer };
    const answer = await this.#client.post(request, limits);
    const written = answer.text + answer.toolCalls.map(({ name, args }) => name + args).join('');
    const usage = report(answer.usage, {
      input: utf8Length(textOf(conversation)),
      output: utf8Length(written),
    });
    conversation.inputTokens += usage.inputTokens;
    conversation.outputTokens += usage.outputTokens;
    conversation.cost += usage.cost ?? 0;
    return answer;
  }

  #result(conversation: Conversation, answer: ChatAnswer, { provider, model }: ModelTarget): ModelResult {
    const { format, inputTokens, outputTokens, cost } = conversation;
    const isValue = format !== undefined && answer.finish === 'stop';
    return {
      text: isValue ? valueText(answer.text, format) : answer.text,
      usage: { inputTokens, outputTokens, ...(cost === 0 ? {} : { cost }) },
      finish: answer.finish,
      model: `${provider}/${model}`,
    };
  }
}

/** After a refusal (400, 422): what may be left out the next time. Undefined when nothing may. */
function plainer(thrown: unknown, manner: Manner, hasFormat: boolean): Manner | undefined {
  if (!(thrown instanceof ScaiCoreError)) return undefined;
  const { status } = thrown.details;
  if (status !== 400 && status !== 422) return undefined;
  if (manner.hasStreamOptions && /stream_options|include_usage/i.test(thrown.message))
    return { ...manner, hasStreamOptions: false };
  if (!hasFormat) return undefined;
  // Many services only say "bad request": one plainer request finds out whether it was the schema.
  if (manner.structured === 'json_schema') return { ...manner, structured: 'json_object' };
  const isFormat = /response_format|json_object|json.mode/i.test(thrown.message);
  return manner.structured === 'json_object' && isFormat ? { ...manner, structured: 'prompt' } : undefined;
}

function requestBody(
  conversation: Conversation,
  target: ModelTarget,
  manner: Manner,
  isStream: boolean,
): Record<string, unknown> {
  const { request, format, tools } = conversation;
  const { temperature } = request.model;
  const response = format === undefined ? undefined : responseFormat(format, manner.structured);
  return {
    model: target.model,
    messages: messagesFor(conversation, manner),
    ...(temperature === undefined ? {} : { temperature }),
    stream: isStream,
    ...(isStream && manner.hasStreamOptions ? { stream_options: { include_usage: true } } : {}),
    ...(response === undefined ? {} : { response_format: response }),
    ...(tools.length === 0 ? {} : { tools: tools.map(wireTool) }),
  };
}

/** Where the service does not hold the model to the schema, the system message does. */
function messagesFor({ messages, format }: Conversation, manner: Manner): readonly WireMessage[] {
  if (format === undefined || manner.structured === 'json_schema') return messages;
  const words = formatInWords(format);
  const [first, ...others] = messages;
  if (first?.['role'] !== 'system') return [{ role: 'system', content: words }, ...messages];
  return [{ ...first, content: `${String(first['content'])}\n\n${words}` }, ...others];
}

function wireTool({ name, description, parameters }: ModelTool): JsonValue {
  return { type: 'function', function: { name, description, parameters: parameters as JsonValue } };
}

function wireCall({ id, name, args }: ToolCall): JsonValue {
  return { id, type: 'function', function: { name, arguments: args } };
}

function textOf({ messages }: Conversation): string {
  return messages.map((message) => String(message['content'])).join('\n');
}
