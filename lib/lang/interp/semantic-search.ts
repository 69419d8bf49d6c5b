// Search by meaning, over what memory and references hold: the host embeds texts, the engine compares.
//   Vectors are kept by provider, role and text, so that a second search asks only for what is new.
import type { MaybePromise } from '../../base/maybe-promise.ts';
import type { JsonValue } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import { type Execution, hostError } from './execution.ts';
import type { MemoryAddress, ModelProvider, SearchOptions } from './host-environment.ts';
import { isList, isObject, toText } from './values.ts';

/** Vectors kept for each provider. At 1,536 numbers each that is 50 MB at most. */
const CACHED_MAX = 4096;
/** Texts in one request. */
const BATCH = 256;

type Vector = readonly number[];

/** The least recently used goes first. */
class VectorCache {
  readonly #vectors = new Map<string, Vector>();

  get(key: string): Vector | undefined {
    const found = this.#vectors.get(key);
    if (!found) return undefined;
    this.#vectors.delete(key);
    this.#vectors.set(key, found);
    return found;
  }

  set(key: string, vector: Vector): void {
    this.#vectors.set(key, vector);
    if (this.#vectors.size <= CACHED_MAX) return;
    const [oldest] = this.#vectors.keys();
    if (oldest !== undefined) this.#vectors.delete(oldest);
  }
}

const caches = new WeakMap<ModelProvider, VectorCache>();

function cacheOf(provider: ModelProvider): VectorCache {
  const known = caches.get(provider);
  if (known) return known;
  const cache = new VectorCache();
  caches.set(provider, cache);
  return cache;
}

export async function searchMemory(
  execution: Execution,
  address: MemoryAddress,
  options: SearchOptions,
): Promise<JsonValue> {
  const value = await execution.env.memory.read(address);
  return await search(execution, value ?? null, options);
}

export function searchReference(
  execution: Execution,
  field: string,
  options: SearchOptions,
): MaybePromise<JsonValue> {
  return search(execution, execution.reference(field), options);
}

/** Items of a list as they are, entries of a map with their key; the nearest first. */
async function search(execution: Execution, value: JsonValue, options: SearchOptions): Promise<JsonValue> {
  const entries = isList(value)
    ? value.map((item) => ({ key: undefined, item }))
    : Object.entries(isObject(value) ? value : {}).map(([key, item]) => ({ key, item }));
  if (entries.length === 0 || options.limit === 0) return [];
  const texts = entries.map(({ item }) => toText(item));
  execution.charge(texts.length);
  const [query = [], ...vectors] = await embedAll(execution, [options.query, ...texts], options.role);
  const found = entries.map((entry, index) => ({
    ...entry,
    similarity: cosine(query, vectors[index] ?? []),
  }));
  return found
    .filter(({ similarity }) => similarity >= options.minSimilarity)
    .sort((one, other) => other.similarity - one.similarity)
    .slice(0, options.limit)
    .map(({ key, item, similarity }) => (key === undefined ? item : { key, value: item, similarity }));
}

async function embedAll(
  execution: Execution,
  texts: readonly string[],
  role: string | undefined,
): Promise<readonly Vector[]> {
  const provider = execution.env.modelProviders;
  if (!provider?.embed)
    throw new ScaiCoreError('ModelProviderError', 'there is no model for embeddings here');
  const cache = cacheOf(provider);
  const prefix = `${role ?? ''}\n`;
  const found = new Map<string, Vector>();
  for (const text of texts) {
    const vector = cache.get(prefix + text);
    if (vector) found.set(text, vector);
  }
  const missing = [...new Set(texts)].filter((text) => !found.has(text));
  for (let at = 0; at < missing.length; at += BATCH) {
    const batch = missing.slice(at, at + BATCH);
    const vectors = await embedBatch(execution, provider, batch, role);
    for (const [index, text] of batch.entries()) {
      const vector = vectors[index] ?? [];
      found.set(text, vector);
      cache.set(prefix + text, vector);
    }
  }
  return texts.map((text) => found.get(text) ?? []);
}

async function embedBatch(
  execution: Execution,
  provider: ModelProvider,
  texts: readonly string[],
  role: string | undefined,
): Promise<readonly Vector[]> {
  const { scope, program } = execution;
  const model = role === undefined ? undefined : program.models.get(role);
  try {
    const vectors = await provider.embed?.({ scope, role, model, texts, signal: scope.signal });
    if (vectors?.length === texts.length) return vectors;
  } catch (error) {
    throw hostError('ModelProviderError', error, { role: role ?? null });
  }
  throw new ScaiCoreError('ModelProviderError', 'the model for embeddings did not answer for each text');
}

function cosine(one: Vector, other: Vector): number {
  let [dot, oneSquared, otherSquared] = [0, 0, 0];
  for (let index = 0; index < one.length; index += 1) {
    const [a, b] = [one[index] ?? 0, other[index] ?? 0];
    dot += a * b;
    oneSquared += a * a;
    otherSquared += b * b;
  }
  const length = Math.sqrt(oneSquared) * Math.sqrt(otherSquared);
  return length === 0 ? 0 : dot / length;
}
