// Models behind OpenAI-compatible interfaces: which one is asked, and for how long.
// Owns: the order of fallbacks and the deadline of a call. Does not own: requests (backend-client.ts), conversations
// (chat-client.ts).
//   O1. The next model is asked after errors that are the provider's; what the request or the model itself said no to (400,
//       a refusal) is the answer.
//   O2. The program's timeout is for all models together; when it is used up nobody else is asked.
import type { Clock, Rng } from '../../lib/index.ts';
import type {
  IRModel,
  JsonValue,
  ModelCallRequest,
  ModelProvider,
  ModelRequest,
  ModelResult,
  ModelUsage,
  ScaiCoreError,
} from '../../lib/lang/index.ts';
import type { Fetch } from '../outbound/exchange.ts';
import { BackendClient, type CallLimits } from './backend-client.ts';
import { ChatClient } from './chat-client.ts';
import { embedTexts, type Vector } from './embeddings.ts';
import { badInput, MODALITIES } from './modalities.ts';
import type { OpenAiOptions, ResolvedOpenAiOptions } from './model-options.ts';
import { mayFallBack, type ModelTarget, nobodyAnswered, providerError } from './provider-error.ts';
import { resolveOpenAiOptions } from './settings.ts';
import { UsageMeter } from './usage-meter.ts';

export interface OpenAiParts {
  readonly clock: Clock;
  /** For the pauses between attempts. */
  readonly rng: Rng;
  /** @default the runtime's */
  readonly fetch?: Fetch | undefined;
}
export type OpenAiProvider = Required<ModelProvider>;
type EmbedRequest = Parameters<OpenAiProvider['embed']>[0];
type CallAnswer = Awaited<ReturnType<OpenAiProvider['call']>>;

/** @throws ERR_CONFIG_INVALID */
export function createOpenAiProvider(options: OpenAiOptions, parts: OpenAiParts): OpenAiProvider {
  return new OpenAiModels(resolveOpenAiOptions(options), parts);
}

class OpenAiModels implements OpenAiProvider {
  readonly #options: ResolvedOpenAiOptions;
  readonly #clock: Clock;
  readonly #client: BackendClient;
  readonly #meter: UsageMeter;
  readonly #chat: ChatClient;

  constructor(options: ResolvedOpenAiOptions, { clock, rng, fetch }: OpenAiParts) {
    this.#options = options;
    this.#clock = clock;
    const send: Fetch = fetch ?? ((url, init) => globalThis.fetch(url, init));
    this.#client = new BackendClient(options, { clock, rng, fetch: send });
    this.#meter = new UsageMeter(options, clock);
    this.#chat = new ChatClient(this.#client, options, this.#meter);
  }

  get providers(): readonly string[] {
    return Object.keys(this.#options.providers);
  }

  async complete(request: ModelRequest): Promise<ModelResult> {
    const limits = this.#limits(request);
    const conversation = this.#chat.begin(request);
    return firstOf(targetsOf(request.model), (target) => this.#chat.run(conversation, target, limits));
  }

  async call(request: ModelCallRequest): Promise<CallAnswer> {
    const limits = this.#limits(request);
    return firstOf(targetsOf(request.model), (target) => this.#call(request, target, limits));
  }

  async embed({ scope, role, model, texts, signal }: EmbedRequest): Promise<readonly Vector[]> {
    const targets = model === undefined ? this.#embeddingTargets(role) : targetsOf(model);
    const { embeddingBatch: batch } = this.#options;
    const limits = { deadlineMs: undefined, signal };
    return firstOf(targets, async (target) => {
      const request = { scope, role, target, texts, params: {}, batch, limits };
      return (await embedTexts(request, this.#client, this.#meter)).vectors;
    });
  }

  async #call(request: ModelCallRequest, target: ModelTarget, limits: CallLimits): Promise<CallAnswer> {
    const { scope, role, modality } = request;
    const model = `${target.provider}/${target.model}`;
    if (modality === 'embedding') return { ...(await this.#callEmbedding(request, target, limits)), model };
    const ask = Object.hasOwn(MODALITIES, modality) ? MODALITIES[modality] : undefined;
    if (ask === undefined) {
      const known = [...Object.keys(MODALITIES), 'embedding'].join(', ');
      throw badInput(target, `there is no call for the modality ${modality}; there are ${known}`);
    }
    const report = this.#meter.begin({ scope, role, target, modality });
    const { output, usage, bytes } = await ask(request, target, this.#client, limits);
    return { output, usage: report(usage, bytes), model };
  }

  async #callEmbedding(
    { scope, role, input, params }: ModelCallRequest,
    target: ModelTarget,
    limits: CallLimits,
  ): Promise<{ readonly output: JsonValue; readonly usage: ModelUsage }> {
    const texts = typeof input === 'string' ? [input] : input;
    if (!isTexts(texts))
      throw badInput(target, 'the input for embedding has to be a text, or a list of texts');
    const request = { scope, role, target, texts, params, batch: this.#options.embeddingBatch, limits };
    const { vectors, usage } = await embedTexts(request, this.#client, this.#meter);
    const output = typeof input === 'string' ? (vectors[0] ?? []) : vectors;
    return { output, usage };
  }

  #embeddingTargets(role: string | undefined): readonly ModelTarget[] {
    const { embedding } = this.#options;
    if (embedding !== undefined) return [embedding];
    const message = 'no model for embeddings: declare one in @models, or set models.embedding';
    const target = { provider: 'embedding', model: role ?? 'none' };
    throw providerError(target, message, { reason: 'unknown_provider', retryable: false });
  }

  #limits({ timeoutMs, signal }: Pick<ModelRequest, 'timeoutMs' | 'signal'>): CallLimits {
    return { deadlineMs: timeoutMs === undefined ? undefined : this.#clock.nowMs() + timeoutMs, signal };
  }
}

function isTexts(value: JsonValue): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** The model, then its fallbacks. */
export function targetsOf({ provider, model, fallback }: IRModel): readonly ModelTarget[] {
  return [{ provider, model }, ...fallback];
}

/** The first answer. @throws ModelProviderError of the last one, with all that were tried */
export async function firstOf<Target, T>(
  targets: readonly Target[],
  ask: (target: Target) => Promise<T>,
): Promise<T> {
  const failures: ScaiCoreError[] = [];
  for (const target of targets) {
    try {
      return await ask(target);
    } catch (thrown) {
      if (!mayFallBack(thrown)) throw thrown;
      failures.push(thrown);
    }
  }
  throw nobodyAnswered(failures);
}
