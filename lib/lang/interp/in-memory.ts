// A world for programs that is all in memory: for tests, for `scaicore run`, and as the example of what a host does.
import type { Clock } from '../../base/clock.ts';
import type { Rng } from '../../base/rng.ts';
import type { JsonValue } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import type {
  CheckpointBackend,
  CheckpointRecord,
  EngineEvent,
  EventSink,
  HostEnvironment,
  ListOptions,
  MemoryAddress,
  MemoryBackend,
  ReferenceStore,
} from './host-environment.ts';

type Entries = Map<string, JsonValue>;
type Stored =
  { readonly kind: 'map'; readonly entries: Entries } | { readonly kind: 'value'; value: JsonValue };

/** Fields by core, partition and name. Maps are kept as maps, so that one entry costs one step. */
export class InMemoryBackend implements MemoryBackend {
  readonly #fields = new Map<string, Stored>();

  read(at: MemoryAddress): JsonValue | undefined {
    const stored = this.#fields.get(keyOf(at));
    if (!stored) return undefined;
    return stored.kind === 'map' ? Object.fromEntries(stored.entries) : stored.value;
  }

  write(at: MemoryAddress, value: JsonValue): void {
    const isMap = at.kind === 'map' && typeof value === 'object' && value !== null && !Array.isArray(value);
    if (isMap) this.#fields.set(keyOf(at), { kind: 'map', entries: new Map(Object.entries(value)) });
    else this.#fields.set(keyOf(at), { kind: 'value', value });
  }

  get(at: MemoryAddress, key: string): JsonValue | undefined {
    return this.#entries(at).get(key);
  }

  set(at: MemoryAddress, key: string, value: JsonValue): void {
    this.#entries(at).set(key, value);
  }

  delete(at: MemoryAddress, key: string): void {
    this.#entries(at).delete(key);
  }

  add(at: MemoryAddress, value: JsonValue): void {
    const key = keyOf(at);
    const stored = this.#fields.get(key);
    if (stored?.kind === 'map') throw notA(at, 'list');
    const list = stored?.value ?? [];
    if (!Array.isArray(list)) throw notA(at, 'list');
    this.#fields.set(key, { kind: 'value', value: [...(list as readonly JsonValue[]), value] });
  }

  last(at: MemoryAddress, count: number): readonly JsonValue[] {
    const stored = this.#fields.get(keyOf(at));
    if (!stored || count === 0) return [];
    if (stored.kind === 'map' || !Array.isArray(stored.value)) throw notA(at, 'list');
    return (stored.value as readonly JsonValue[]).slice(-count);
  }

  list(at: MemoryAddress, options: ListOptions): readonly { key: string; value: JsonValue }[] {
    const { prefix = '', limit, order = 'asc' } = options;
    const sign = order === 'asc' ? 1 : -1;
    const found = [...this.#entries(at)]
      .filter(([key]) => key.startsWith(prefix))
      .sort(([one], [other]) => (one < other ? -sign : one > other ? sign : 0))
      .map(([key, value]) => ({ key, value }));
    return limit === undefined ? found : found.slice(0, limit);
  }

  #entries(at: MemoryAddress): Entries {
    const key = keyOf(at);
    const stored = this.#fields.get(key);
    if (stored?.kind === 'map') return stored.entries;
    if (stored) throw notA(at, 'map');
    const entries: Entries = new Map();
    this.#fields.set(key, { kind: 'map', entries });
    return entries;
  }
}

function keyOf({ core, partition, field }: MemoryAddress): string {
  return JSON.stringify([core, partition, field]);
}

function notA({ field }: MemoryAddress, kind: string): ScaiCoreError {
  return new ScaiCoreError('MemoryError', `memory.${field} is no ${kind}`);
}

/** Records as JSON text: what cannot be stored is found out in tests. */
export class InMemoryCheckpointBackend implements CheckpointBackend {
  readonly #records = new Map<string, string>();

  save(record: CheckpointRecord): void {
    this.#records.set(record.checkpoint_id, JSON.stringify(record));
  }

  load(checkpointId: string): CheckpointRecord | undefined {
    const text = this.#records.get(checkpointId);
    return text === undefined ? undefined : (JSON.parse(text) as CheckpointRecord);
  }

  take(checkpointId: string): CheckpointRecord | undefined {
    const record = this.load(checkpointId);
    this.#records.delete(checkpointId);
    return record;
  }

  get pending(): readonly CheckpointRecord[] {
    return [...this.#records.values()].map((text) => JSON.parse(text) as CheckpointRecord);
  }
}

export class InMemoryEventSink implements EventSink {
  readonly #events: EngineEvent[] = [];

  publish(event: EngineEvent): void {
    this.#events.push(event);
  }

  get events(): readonly EngineEvent[] {
    return this.#events;
  }
}

export class InMemoryReferenceStore implements ReferenceStore {
  readonly #fields: ReadonlyMap<string, JsonValue>;

  /** @param fields by name, for whichever Core asks */
  constructor(fields: Readonly<Record<string, JsonValue>>) {
    this.#fields = new Map(Object.entries(fields));
  }

  read(_core: string, field: string): JsonValue | undefined {
    return this.#fields.get(field);
  }
}

/** Fills in what is not given with what is in memory. Time and chance have no default: they are the host's to choose. */
export function hostEnvironment(
  given: Partial<HostEnvironment> & { readonly clock: Clock; readonly rng: Rng },
): HostEnvironment {
  return {
    ...given,
    memory: given.memory ?? new InMemoryBackend(),
    checkpoints: given.checkpoints ?? new InMemoryCheckpointBackend(),
  };
}
