// What an operator says about the models behind an OpenAI-compatible interface.
import type { MaybePromise } from '../../lib/index.ts';
import type { ExecutionScope, JsonValue, ModelUsage } from '../../lib/lang/index.ts';

export interface OpenAiOptions {
  /** By the name that programs write as `provider` of a model: `scaigrid`, `openai`, or any other. */
  readonly providers: Readonly<Record<string, OpenAiBackend>>;
  /** For `search` on memory or reference data where the program names no embedding model. @default none: it fails */
  readonly embedding?: { readonly provider: string; readonly model: string } | undefined;
  /** Functions that models may call while they answer. @default [] */
  readonly tools?: readonly ModelTool[] | undefined;
  /** How often a model may ask for tools before the call fails. @default 8 */
  readonly toolRoundsMax?: number | undefined;
  /** Time that one request may take. The program's own timeout is for all requests of a call together. @default 120_000 */
  readonly timeoutMs?: number | undefined;
  /** Time until the first byte of a streamed answer. @default 60_000 */
  readonly firstByteTimeoutMs?: number | undefined;
  /** Requests after the first one, to the same model, on 429, 5xx and failed connections. @default 2 */
  readonly retries?: number | undefined;
  /** The first pause before a retry is anything up to this. @default 500 */
  readonly backoffFirstMs?: number | undefined;
  /** No pause is longer, unless the service asks for it. @default 8_000 */
  readonly backoffMostMs?: number | undefined;
  /** A service whose `Retry-After` is longer is given up at once: the fallback is tried. @default 20_000 */
  readonly retryAfterMostMs?: number | undefined;
  /** @default 33_554_432 */
  readonly maxResponseBytes?: number | undefined;
  /** Texts in one request for embeddings. @default 128 */
  readonly embeddingBatch?: number | undefined;
  /** Told of each answer that was paid for. Must not throw. */
  readonly onUsage?: ((report: UsageReport) => void) | undefined;
}

export interface OpenAiBackend {
  /** With the version: `https://api.openai.com/v1`. A query in it is kept on every request. */
  readonly baseUrl: string;
  /** Sent as bearer token; never in errors or logs. */
  readonly apiKey?: string | undefined;
  /** More headers; their values are kept secret as the key is. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** How to ask for an answer that fits a schema; what a model refuses is not asked of it again. @default 'json_schema' */
  readonly structuredOutput?: StructuredOutput | undefined;
  /** Whether answers come as a stream. @default true */
  readonly stream?: boolean | undefined;
  /** Prices by model, for each million tokens, so that `max_cost` of a budget counts. @default none: the cost is 0 */
  readonly prices?: Readonly<Record<string, TokenPrice>> | undefined;
}

/** `prompt`: only told in words. */
export type StructuredOutput = 'json_schema' | 'json_object' | 'prompt';

export interface TokenPrice {
  readonly input: number;
  readonly output: number;
}

export interface ModelTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Roles of `@models` that may call it. @default all */
  readonly roles?: readonly string[] | undefined;
  /** What it throws is told to the model, message only, so that it may try something else. */
  readonly run: (args: Readonly<Record<string, JsonValue>>, context: ToolContext) => MaybePromise<JsonValue>;
}
export interface ToolContext {
  readonly scope: ExecutionScope;
  readonly signal: AbortSignal | undefined;
}

export interface UsageReport {
  readonly scope: ExecutionScope;
  readonly role: string | undefined;
  readonly provider: string;
  readonly model: string;
  /** `text`, or the modality of the call. */
  readonly modality: string;
  readonly usage: ModelUsage;
  /** The service did not say: counted from the lengths of the texts. */
  readonly isEstimated: boolean;
  readonly durationMs: number;
}

export interface ResolvedOpenAiOptions {
  readonly providers: Readonly<Record<string, OpenAiBackend>>;
  readonly embedding: OpenAiOptions['embedding'];
  readonly tools: readonly ModelTool[];
  readonly toolRoundsMax: number;
  readonly timeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly retries: number;
  readonly backoffFirstMs: number;
  readonly backoffMostMs: number;
  readonly retryAfterMostMs: number;
  readonly maxResponseBytes: number;
  readonly embeddingBatch: number;
  readonly onUsage: OpenAiOptions['onUsage'];
}

export const OPENAI_DEFAULTS: Omit<ResolvedOpenAiOptions, 'providers'> = Object.freeze({
  embedding: undefined,
  tools: [],
  toolRoundsMax: 8,
  timeoutMs: 120_000,
  firstByteTimeoutMs: 60_000,
  retries: 2,
  backoffFirstMs: 500,
  backoffMostMs: 8_000,
  retryAfterMostMs: 20_000,
  maxResponseBytes: 32 * 1_048_576,
  embeddingBatch: 128,
  onUsage: undefined,
});
