// An OpenAI-compatible server that misbehaves on demand. Without a script it answers as a good one: chats echo the last
// message, embeddings are the lengths and first letters of the texts.
import { type Asked, FakeService, json, type Reply } from './fake-service.ts';

const SSE = { 'content-type': 'text/event-stream; charset=utf-8' };

export interface ChatParts {
  /** @default 'stop' */
  readonly finish?: string | null;
  /** @default 7 and 3; null for none */
  readonly usage?: { readonly prompt_tokens: number; readonly completion_tokens: number } | null;
  readonly refusal?: string;
  readonly toolCalls?: readonly { readonly id: string; readonly name: string; readonly args: string }[];
  /** @default 4 characters of the text to an event */
  readonly pieceLength?: number;
}

/** A chat's answer, as a stream where one was asked for. */
export function chat(text: string, parts: ChatParts = {}): (asked: Asked) => Reply {
  return ({ body }) =>
    body['stream'] === true
      ? { headers: SSE, pieces: [...chatEvents(text, parts).map(sse), 'data: [DONE]\n\n'] }
      : json(wholeChat(text, parts));
}

export function sse(event: unknown): string {
  return `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`;
}

/** A stream of exactly these pieces. */
export function stream(pieces: readonly (string | Uint8Array)[], then: Reply['then'] = 'end'): Reply {
  return { headers: SSE, pieces, then };
}

export function chatEvents(text: string, parts: ChatParts = {}): unknown[] {
  const { finish = 'stop', pieceLength = 4 } = parts;
  const delta = (part: unknown, reason: string | null = null): unknown => ({
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: part, finish_reason: reason }],
  });
  const events = [delta({ role: 'assistant', content: '' })];
  for (let at = 0; at < text.length; at += pieceLength)
    events.push(delta({ content: text.slice(at, at + pieceLength) }));
  if (parts.refusal !== undefined) events.push(delta({ refusal: parts.refusal }));
  for (const [index, { id, name, args }] of (parts.toolCalls ?? []).entries()) {
    const half = Math.floor(args.length / 2);
    events.push(
      delta({
        tool_calls: [{ index, id, type: 'function', function: { name, arguments: args.slice(0, half) } }],
      }),
      delta({ tool_calls: [{ index, function: { arguments: args.slice(half) } }] }),
    );
  }
  events.push(delta({}, finish));
  const usage = usageOf(parts);
  return usage === null ? events : [...events, { object: 'chat.completion.chunk', choices: [], usage }];
}

function wholeChat(text: string, parts: ChatParts): unknown {
  const calls = parts.toolCalls?.map(({ id, name, args }) => ({
    id,
    type: 'function',
    function: { name, arguments: args },
  }));
  const message = {
    role: 'assistant',
    content: text,
    ...(parts.refusal === undefined ? {} : { refusal: parts.refusal }),
    ...(calls === undefined ? {} : { tool_calls: calls }),
  };
  const usage = usageOf(parts);
  const choices = [{ index: 0, message, finish_reason: parts.finish ?? 'stop' }];
  return { object: 'chat.completion', choices, ...(usage === null ? {} : { usage }) };
}

function usageOf({ usage = { prompt_tokens: 7, completion_tokens: 3 } }: ChatParts): ChatParts['usage'] {
  return usage;
}

export function failing(
  status: number,
  message = 'no',
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return json({ error: { message, type: 'test' } }, status, headers);
}

export class FakeModelServer extends FakeService {
  /** What is answered with 400 before the script is looked at. */
  readonly refuses = new Set<'json_schema' | 'json_object' | 'stream_options'>();

  static async start(): Promise<FakeModelServer> {
    return new FakeModelServer(good).listen();
  }

  get baseUrl(): string {
    return `${this.origin}/v1`;
  }

  protected override intercept({ body }: Asked): Reply | undefined {
    const format = (body['response_format'] as { type?: string } | undefined)?.type;
    if (format === 'json_schema' && this.refuses.has('json_schema')) return failing(400, 'bad request');
    if (format === 'json_object' && this.refuses.has('json_object'))
      return failing(400, 'response_format is not supported');
    if (body['stream_options'] !== undefined && this.refuses.has('stream_options'))
      return failing(400, 'unknown field stream_options');
    return undefined;
  }
}

function good(asked: Asked): Reply {
  const { path, body } = asked;
  if (path.startsWith('/v1/chat/completions')) {
    const messages = body['messages'] as { content: string }[];
    return chat(messages[messages.length - 1]?.content ?? '')(asked);
  }
  if (path.startsWith('/v1/embeddings')) return embeddings(body['input'] as string[]);
  return failing(404, `no ${path}`);
}

export function vectorOf(text: string): number[] {
  return [text.length, text.charCodeAt(0) || 0];
}

/** In the opposite order, as the index says. */
function embeddings(texts: readonly string[]): Reply {
  const data = texts.map((text, index) => ({ index, embedding: vectorOf(text) })).reverse();
  return json({ data, usage: { prompt_tokens: texts.length, total_tokens: texts.length } });
}
