// Answers of `chat/completions`, as a stream or in one piece, as one form.
import type { ModelResult } from '../../lib/lang/index.ts';
import { isPlainObject } from '../outbound/check-settings.ts';
import type { OutboundAnswer } from '../outbound/exchange.ts';
import { AnswerError } from './provider-error.ts';
import { SseParser } from './sse-parser.ts';

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text, as the model wrote it. */
  readonly args: string;
}

export interface ChatAnswer {
  readonly text: string;
  readonly finish: ModelResult['finish'];
  readonly toolCalls: readonly ToolCall[];
  /** Undefined when the service did not say. */
  readonly usage: TokenCount | undefined;
}
export interface TokenCount {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

type Json = Readonly<Record<string, unknown>>;

/** @throws AnswerError, OutboundError */
export async function readChatAnswer(answer: OutboundAnswer): Promise<ChatAnswer> {
  // Some services answer in one piece although a stream was asked for.
  if (answer.mediaType !== 'text/event-stream') return wholeAnswer(parsed(await answer.text()));
  const draft = new ChatDraft();
  const decoder = new TextDecoder();
  const parser = new SseParser();
  for await (const chunk of answer.chunks()) {
    for (const { type, data } of parser.push(decoder.decode(chunk, { stream: true }))) {
      if (data.trim() === '[DONE]') return draft.finished(true);
      const event = parsed(data);
      if (type === 'error') throw saidError(event['error'] ?? event);
      draft.add(event);
    }
  }
  return draft.finished(false);
}

function parsed(text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AnswerError('the answer is not JSON');
  }
  if (isPlainObject(value)) return value;
  throw new AnswerError('the answer is not a JSON object');
}

function wholeAnswer(body: Json): ChatAnswer {
  const choices = body['choices'];
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  if (!isPlainObject(choice) && body['error'] === undefined)
    throw new AnswerError('the answer has no choices');
  const draft = new ChatDraft();
  draft.add(body, 'message');
  return draft.finished(true);
}

/** An answer of which parts have come. */
class ChatDraft {
  readonly #calls = new Map<number, { id: string; name: string; args: string }>();
  #text = '';
  #refusal = '';
  #finish: string | undefined = undefined;
  #usage: TokenCount | undefined = undefined;

  add(event: Json, part: 'delta' | 'message' = 'delta'): void {
    if (event['error'] !== undefined && event['error'] !== null) throw saidError(event['error']);
    this.#usage = usageIn(event['usage']) ?? this.#usage;
    const choices = event['choices'];
    const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
    if (!isPlainObject(choice)) return; // the piece with the usage has none
    const said = choice[part];
    if (isPlainObject(said)) this.#addPart(said);
    if (typeof choice['finish_reason'] === 'string') this.#finish = choice['finish_reason'];
  }

  #addPart(part: Json): void {
    const { content, refusal, tool_calls: calls } = part;
    if (typeof content === 'string') this.#text += content;
    else if (Array.isArray(content)) this.#text += content.map(textOf).join('');
    if (typeof refusal === 'string') this.#refusal += refusal;
    if (!Array.isArray(calls)) return;
    for (const [place, call] of (calls as unknown[]).entries())
      if (isPlainObject(call)) this.#addCall(call, place);
  }

  #addCall(call: Json, place: number): void {
    const at = typeof call['index'] === 'number' ? call['index'] : place;
    const draft = this.#calls.get(at) ?? { id: '', name: '', args: '' };
    this.#calls.set(at, draft);
    if (typeof call['id'] === 'string' && call['id'] !== '') draft.id = call['id'];
    const asked = call['function'];
    if (!isPlainObject(asked)) return;
    // Names come whole; some services send them again with every piece.
    if (typeof asked['name'] === 'string' && asked['name'] !== '') draft.name = asked['name'];
    if (typeof asked['arguments'] === 'string') draft.args += asked['arguments'];
  }

  /** @param isEnded whether the service said that this is all. @throws AnswerError when it was cut off */
  finished(isEnded: boolean): ChatAnswer {
    if (!isEnded && this.#finish === undefined) throw new AnswerError('the stream ended in the middle');
    const inOrder = [...this.#calls.entries()].sort(([a], [b]) => a - b);
    const toolCalls = inOrder.map(([at, { id, ...call }]) => ({
      id: id === '' ? `call_${at}` : id,
      ...call,
    }));
    const isRefusal = this.#refusal !== '' || this.#finish === 'content_filter' || this.#finish === 'refusal';
    const finish = isRefusal ? 'refusal' : finishOf(this.#finish, toolCalls.length > 0);
    return { text: this.#text === '' ? this.#refusal : this.#text, finish, toolCalls, usage: this.#usage };
  }
}

function finishOf(said: string | undefined, hasCalls: boolean): ModelResult['finish'] {
  if (said === 'length' || said === 'max_tokens') return 'length';
  return hasCalls || said === 'tool_calls' || said === 'function_call' ? 'tool_calls' : 'stop';
}

function textOf(part: unknown): string {
  return isPlainObject(part) && typeof part['text'] === 'string' ? part['text'] : '';
}

export function usageIn(usage: unknown): TokenCount | undefined {
  if (!isPlainObject(usage)) return undefined;
  const input = usage['prompt_tokens'] ?? usage['input_tokens'];
  const output = usage['completion_tokens'] ?? usage['output_tokens'] ?? 0;
  return isCount(input) && isCount(output) ? { inputTokens: input, outputTokens: output } : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** What services call their errors, as the status that they would have answered with. */
const STATUS_OF: readonly (readonly [RegExp, number])[] = [
  [/rate.?limit|too_many|quota/i, 429],
  [/invalid|bad_request|context_length/i, 400],
  [/auth|permission|api_key/i, 401],
  [/not_found/i, 404],
  [/overloaded|unavailable/i, 503],
];

/** An error inside of an answer that began well. */
function saidError(error: unknown): AnswerError {
  if (!isPlainObject(error)) return new AnswerError(`failed: ${typeof error === 'string' ? error : ''}`, 502);
  const { message, code, status, type } = error;
  const said = `failed in the middle of the answer: ${typeof message === 'string' ? message : ''}`;
  for (const number of [status, code].map(Number))
    if (Number.isInteger(number) && number >= 400 && number < 600) return new AnswerError(said, number);
  const name = [code, type].filter((part) => typeof part === 'string').join(' ');
  return new AnswerError(said, STATUS_OF.find(([pattern]) => pattern.test(name))?.[1] ?? 502);
}
