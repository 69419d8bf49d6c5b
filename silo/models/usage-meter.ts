// What answers cost: as the service says, or by the lengths of the texts where it does not.
import type { Clock } from '../../lib/index.ts';
import type { ExecutionScope, ModelUsage } from '../../lib/lang/index.ts';
import type { TokenCount } from './chat-answer.ts';
import type { ResolvedOpenAiOptions } from './model-options.ts';
import type { ModelTarget } from './provider-error.ts';

/** Bytes of UTF-8 to a token, roughly, in most tokenizers and languages. */
const BYTES_PER_TOKEN = 4;

export interface Metered {
  readonly scope: ExecutionScope;
  readonly role: string | undefined;
  readonly target: ModelTarget;
  readonly modality: string;
}
/** Called with the answer; the lengths in bytes are for services that do not count. */
export type Report = (
  said: TokenCount | undefined,
  bytes: { readonly input: number; readonly output: number },
) => ModelUsage;

export class UsageMeter {
  readonly #options: ResolvedOpenAiOptions;
  readonly #clock: Clock;

  constructor(options: ResolvedOpenAiOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  begin({ scope, role, target, modality }: Metered): Report {
    const startMs = this.#clock.nowMs();
    return (said, bytes) => {
      const count = said ?? {
        inputTokens: Math.ceil(bytes.input / BYTES_PER_TOKEN),
        outputTokens: Math.ceil(bytes.output / BYTES_PER_TOKEN),
      };
      const usage = { ...count, ...this.#cost(target, count) };
      const durationMs = this.#clock.nowMs() - startMs;
      const isEstimated = said === undefined;
      this.#options.onUsage?.({ scope, role, ...target, modality, usage, isEstimated, durationMs });
      return usage;
    };
  }

  #cost({ provider, model }: ModelTarget, count: TokenCount): { readonly cost?: number } {
    const price = this.#options.providers[provider]?.prices?.[model];
    if (price === undefined) return {};
    return { cost: (count.inputTokens * price.input + count.outputTokens * price.output) / 1_000_000 };
  }
}
