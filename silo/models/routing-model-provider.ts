// RoutingModelProvider: one provider in front of several, chosen by the name that programs write as `provider`.
// Fallbacks go over the border of a provider: those that one of them serves in a row are left to it.
import type {
  IRModel,
  ModelCallRequest,
  ModelProvider,
  ModelRequest,
  ModelResult,
} from '../../lib/lang/index.ts';
import { firstOf, type OpenAiProvider, targetsOf } from './openai-provider.ts';
import { type ModelTarget, providerError } from './provider-error.ts';

export interface Routes {
  /** By `provider` of the model. */
  readonly providers: Readonly<Record<string, ModelProvider>>;
  /** For names that are not in `providers`, and for embeddings of no named model. @default none: those fail */
  readonly otherwise?: ModelProvider | undefined;
}

/** Models in a row of one provider; `provider` is undefined where there is nobody of that name. */
interface Run {
  readonly provider: ModelProvider | undefined;
  readonly target: ModelTarget;
  readonly model: IRModel;
}

export class RoutingModelProvider implements OpenAiProvider {
  readonly #providers: ReadonlyMap<string, ModelProvider>;
  readonly #otherwise: ModelProvider | undefined;

  constructor({ providers, otherwise }: Routes) {
    this.#providers = new Map(Object.entries(providers));
    this.#otherwise = otherwise;
  }

  /** Where somebody serves all other names, every name is served. */
  get providers(): readonly string[] | undefined {
    return this.#otherwise ? undefined : [...this.#providers.keys()];
  }

  async complete(request: ModelRequest): Promise<ModelResult> {
    return firstOf(this.#runs(request.model), ({ provider, target, model }) => {
      if (provider === undefined) throw this.#nobody(target);
      return provider.complete({ ...request, model });
    });
  }

  async call(request: ModelCallRequest): ReturnType<OpenAiProvider['call']> {
    return firstOf(this.#runs(request.model), ({ provider, target, model }) => {
      if (provider?.call === undefined) throw this.#nobody(target, 'for anything but text');
      return provider.call({ ...request, model });
    });
  }

  async embed(request: Parameters<OpenAiProvider['embed']>[0]): ReturnType<OpenAiProvider['embed']> {
    const { model } = request;
    if (model === undefined) {
      const target = { provider: 'embedding', model: request.role ?? 'none' };
      if (this.#otherwise?.embed === undefined)
        throw this.#nobody(target, 'for embeddings of no named model');
      return this.#otherwise.embed(request);
    }
    return firstOf(this.#runs(model), ({ provider, target, model: own }) => {
      if (provider?.embed === undefined) throw this.#nobody(target, 'for embeddings');
      return provider.embed({ ...request, model: own });
    });
  }

  #runs(model: IRModel): readonly Run[] {
    const runs: Run[] = [];
    for (const target of targetsOf(model)) {
      const provider = this.#providers.get(target.provider) ?? this.#otherwise;
      const last = runs[runs.length - 1];
      if (last !== undefined && last.provider === provider && provider !== undefined)
        runs[runs.length - 1] = {
          ...last,
          model: { ...last.model, fallback: [...last.model.fallback, target] },
        };
      else runs.push({ provider, target, model: { ...model, ...target, fallback: [] } });
    }
    return runs;
  }

  #nobody(target: ModelTarget, what = 'of that name'): Error {
    const known = [...this.#providers.keys()].join(', ') || 'none';
    const message = `there is no provider ${what}; there are: ${known}`;
    return providerError(target, message, { reason: 'unknown_provider', retryable: false });
  }
}
