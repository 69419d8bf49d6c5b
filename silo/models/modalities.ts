// `@model_call`: what models make that is not text, by modality.
// | modality                  | request                                    | output                                        |
// | `tts`, `audio_generation` | text, to `audio/speech`                    | `{ data, media_type }`, data in base64        |
// | `stt`                     | `{ data, media_type? }` or base64 or a data URL, to `audio/transcriptions` | the text; with a `response_format` other than json and text, its object |
// | `embedding`               | a text or a list, to `embeddings`          | a vector or a list of them                    |
// | `image_generation`        | text, to `images/generations`              | a list of `{ data or url, revised_prompt? }`  |
import { checkValue, fromBase64, toBase64, utf8Length } from '../../lib/index.ts';
import type { JsonValue, ModelCallRequest } from '../../lib/lang/index.ts';
import { isPlainObject } from '../outbound/check-settings.ts';
import type { OutboundAnswer } from '../outbound/exchange.ts';
import type { BackendClient, CallLimits } from './backend-client.ts';
import { type TokenCount, usageIn } from './chat-answer.ts';
import { jsonObject } from './embeddings.ts';
import { AnswerError, type ModelTarget, providerError } from './provider-error.ts';

export interface ModalityAnswer {
  readonly output: JsonValue;
  readonly usage: TokenCount | undefined;
  /** For services that do not count. */
  readonly bytes: { readonly input: number; readonly output: number };
}
type Ask = (
  request: ModelCallRequest,
  target: ModelTarget,
  client: BackendClient,
  limits: CallLimits,
) => Promise<ModalityAnswer>;

export const MODALITIES: Readonly<Record<string, Ask>> = {
  tts: speak,
  audio_generation: speak,
  stt: transcribe,
  image_generation: draw,
};

const NO_BYTES = { input: 0, output: 0 };

async function speak(
  request: ModelCallRequest,
  target: ModelTarget,
  client: BackendClient,
  limits: CallLimits,
): Promise<ModalityAnswer> {
  const input = textOf(request, target);
  const text = JSON.stringify({ voice: 'alloy', ...request.params, model: target.model, input });
  const read = async (answer: OutboundAnswer): Promise<ModalityAnswer> => {
    if (answer.mediaType === 'application/json')
      throw new AnswerError('the answer is JSON in place of audio');
    const data = await answer.bytes();
    if (data.byteLength === 0) throw new AnswerError('the answer is empty');
    const output = { data: toBase64(data), media_type: answer.mediaType || 'application/octet-stream' };
    return { output, usage: undefined, bytes: { ...NO_BYTES, input: utf8Length(input) } };
  };
  return client.post({ target, path: 'audio/speech', body: () => text, read }, limits);
}

async function draw(
  request: ModelCallRequest,
  target: ModelTarget,
  client: BackendClient,
  limits: CallLimits,
): Promise<ModalityAnswer> {
  const prompt = textOf(request, target);
  const text = JSON.stringify({ ...request.params, model: target.model, prompt });
  const read = async (answer: OutboundAnswer): Promise<ModalityAnswer> => {
    const body = await jsonObject(answer);
    const data = body['data'];
    if (!Array.isArray(data) || data.length === 0) throw new AnswerError('the answer has no images');
    const bytes = { ...NO_BYTES, input: utf8Length(prompt) };
    return { output: data.map(imageIn), usage: usageIn(body['usage']), bytes };
  };
  return client.post({ target, path: 'images/generations', body: () => text, read }, limits);
}

function imageIn(item: unknown): JsonValue {
  if (!isPlainObject(item)) throw new AnswerError('an image of the answer is not an object');
  const { b64_json: data, url, revised_prompt: revised } = item;
  const prompt = typeof revised === 'string' ? { revised_prompt: revised } : {};
  if (typeof data === 'string') return { data, ...prompt };
  if (typeof url === 'string') return { url, ...prompt };
  throw new AnswerError('an image of the answer has neither data nor an address');
}

async function transcribe(
  request: ModelCallRequest,
  target: ModelTarget,
  client: BackendClient,
  limits: CallLimits,
): Promise<ModalityAnswer> {
  const audio = audioOf(request, target);
  const body = (): FormData => {
    const form = new FormData();
    form.set('file', new Blob([audio.bytes], { type: audio.mediaType }), audio.filename);
    form.set('model', target.model);
    for (const [name, value] of Object.entries(request.params))
      form.set(name, typeof value === 'string' ? value : JSON.stringify(value));
    return form;
  };
  const read = async (answer: OutboundAnswer): Promise<ModalityAnswer> => {
    if (answer.mediaType !== 'application/json') {
      const text = (await answer.text()).trim();
      return { output: text, usage: undefined, bytes: { ...NO_BYTES, output: utf8Length(text) } };
    }
    const { usage, ...said } = await jsonObject(answer);
    const { text } = said;
    if (typeof text !== 'string') throw new AnswerError('the answer has no text');
    const isWhole = request.params['response_format'] === 'verbose_json';
    const output = isWhole ? (checkValue(said) as JsonValue) : text;
    return { output, usage: usageIn(usage), bytes: { ...NO_BYTES, output: utf8Length(text) } };
  };
  return client.post({ target, path: 'audio/transcriptions', body, read }, limits);
}

/** The text of the input: itself, or its `text`, `prompt` or `input`. @throws ModelProviderError */
export function textOf({ input, modality }: ModelCallRequest, target: ModelTarget): string {
  const candidates = isPlainObject(input) ? [input['text'], input['prompt'], input['input']] : [input];
  const text = candidates.find((candidate) => typeof candidate === 'string');
  if (typeof text === 'string') return text;
  throw badInput(target, `the input for ${modality} has to be a text, or an object with text`);
}

interface Audio {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly filename: string;
}

function audioOf({ input }: ModelCallRequest, target: ModelTarget): Audio {
  const held: Readonly<Record<string, unknown>> = isPlainObject(input) ? input : { data: input };
  const { data, media_type: given, filename } = held;
  if (typeof data !== 'string')
    throw badInput(target, 'the input for stt has to be base64, or an object with data');
  const inUrl = /^data:([^;,]*)(?:;[^;,]*)*;base64,/.exec(data);
  const mediaType = typeof given === 'string' ? given : (inUrl?.[1] ?? 'audio/wav');
  const bytes = bytesOf(data.slice(inUrl?.[0].length ?? 0));
  if (bytes === undefined) throw badInput(target, 'the data of the input for stt are not base64');
  const ending = (mediaType.split('/')[1] ?? 'wav').replace(/^x-/, '');
  return { bytes, mediaType, filename: typeof filename === 'string' ? filename : `audio.${ending}` };
}

function bytesOf(base64: string): Uint8Array | undefined {
  try {
    return fromBase64(base64);
  } catch {
    return undefined; // said by the caller, in the words of the program
  }
}

export function badInput(target: ModelTarget, message: string): Error {
  return providerError(target, message, { reason: 'input', status: 400, retryable: false });
}
