// `embeddings`: one vector for each text, in their order, all of one length.
import { utf8Length } from '../../lib/index.ts';
import type { ExecutionScope } from '../../lib/lang/index.ts';
import { isPlainObject } from '../outbound/check-settings.ts';
import type { OutboundAnswer } from '../outbound/exchange.ts';
import type { BackendClient, CallLimits } from './backend-client.ts';
import { type TokenCount, usageIn } from './chat-answer.ts';
import { AnswerError, type ModelTarget, providerError } from './provider-error.ts';
import type { UsageMeter } from './usage-meter.ts';

export type Vector = readonly number[];

export interface EmbeddingRequest {
  readonly scope: ExecutionScope;
  readonly role: string | undefined;
  readonly target: ModelTarget;
  readonly texts: readonly string[];
  /** More of the body: `dimensions` and the like. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly batch: number;
  readonly limits: CallLimits;
}

/** @throws ModelProviderError */
export async function embedTexts(
  request: EmbeddingRequest,
  client: BackendClient,
  meter: UsageMeter,
): Promise<{ readonly vectors: readonly Vector[]; readonly usage: TokenCount & { cost?: number } }> {
  const { scope, role, target, texts, batch } = request;
  const vectors: Vector[] = [];
  const total: TokenCount & { cost?: number } = { inputTokens: 0, outputTokens: 0 };
  let usage = total;
  for (let at = 0; at < texts.length; at += batch) {
    const input = texts.slice(at, at + batch);
    const report = meter.begin({ scope, role, target, modality: 'embedding' });
    const answer = await askBatch(input, request, client);
    const size = input.reduce((sum, text) => sum + utf8Length(text), 0);
    const { inputTokens, outputTokens, cost } = report(answer.usage, { input: size, output: 0 });
    usage = {
      inputTokens: usage.inputTokens + inputTokens,
      outputTokens: usage.outputTokens + outputTokens,
      ...(cost === undefined ? {} : { cost: (usage.cost ?? 0) + cost }),
    };
    vectors.push(...answer.vectors);
  }
  const length = vectors[0]?.length;
  if (vectors.every((vector) => vector.length === length)) return { vectors, usage };
  throw providerError(target, 'the vectors differ in length', { reason: 'malformed', retryable: false });
}

async function askBatch(
  input: readonly string[],
  { target, params, limits }: EmbeddingRequest,
  client: BackendClient,
): Promise<{ readonly vectors: readonly Vector[]; readonly usage: TokenCount | undefined }> {
  const text = JSON.stringify({ encoding_format: 'float', ...params, model: target.model, input });
  const read = async (answer: OutboundAnswer): Promise<Awaited<ReturnType<typeof askBatch>>> => {
    const body = await jsonObject(answer);
    return { vectors: vectorsIn(body['data'], input.length), usage: usageIn(body['usage']) };
  };
  return client.post({ target, path: 'embeddings', body: () => text, read }, limits);
}

/** @throws AnswerError */
function vectorsIn(data: unknown, count: number): readonly Vector[] {
  if (!Array.isArray(data) || data.length !== count)
    throw new AnswerError(`the answer has not ${count} vectors`);
  const vectors: (Vector | undefined)[] = new Array<undefined>(count).fill(undefined);
  for (const [place, item] of (data as unknown[]).entries()) {
    if (!isPlainObject(item)) throw new AnswerError('an entry of the answer is not an object');
    const index = item['index'] ?? place;
    if (typeof index !== 'number' || !(index in vectors) || vectors[index] !== undefined)
      throw new AnswerError('the vectors of the answer are not numbered 0, 1, 2, …');
    vectors[index] = vectorIn(item['embedding']);
  }
  const length = vectors[0]?.length;
  return vectors.map((vector) => {
    if (vector?.length === length && vector !== undefined) return vector;
    throw new AnswerError('the vectors differ in length');
  });
}

function vectorIn(value: unknown): Vector {
  const isVector = Array.isArray(value) && value.length > 0 && value.every((part) => Number.isFinite(part));
  if (isVector) return value as Vector;
  throw new AnswerError('a vector of the answer is not a list of numbers');
}

/** @throws AnswerError */
export async function jsonObject(answer: OutboundAnswer): Promise<Readonly<Record<string, unknown>>> {
  const text = await answer.text();
  try {
    const value: unknown = JSON.parse(text);
    if (isPlainObject(value)) return value;
  } catch {
    throw new AnswerError('the answer is not JSON');
  }
  throw new AnswerError('the answer is not a JSON object');
}
