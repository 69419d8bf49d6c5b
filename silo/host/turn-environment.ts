// TurnEnvironment: the world of one execution in one turn of its grain (lib/lang/interp/host-environment.ts).
// Owns: that everything which the program does inside of the grain goes into the turn's buffer: memory, events, and the
// checkpoint that it stops at. Does not own: running it (program-runner.ts).
//   E1. A checkpoint, its reminder and its event are in one commit with the memory that the execution wrote before it.
//   E2. Taking a checkpoint is in one commit with what the resumed execution does: of two that resume it, one finds it.
//   E3. What a sink may not throw is kept in `failure`, and fails the turn at its end.
import type { Clock, FlowContext, Rng } from '../../lib/index.ts';
import type {
  CheckpointBackend,
  CheckpointRecord,
  EngineEvent,
  EventSink,
  ExecutionScope,
  HostEnvironment,
  JsonValue,
  ModelProvider,
  PluginHost,
  ReferenceStore,
} from '../../lib/lang/index.ts';
import type { TurnFacts } from '../catalog/turn-facts.ts';
import { CoreCalls } from './core-calls.ts';
import { CHECKPOINTS_FIELD, GrainMemory } from './grain-memory.ts';
import type { ProgramParts } from './program-parts.ts';
import {
  CHECKPOINT_EVENT,
  type CheckpointPlace,
  pendingEvent,
  recordOf,
  type StoredCheckpoint,
  storedOf,
} from './stored-checkpoint.ts';

export type ProgramContext = FlowContext<Record<never, never>>;

/** The flow that a checkpoint's reminder calls. */
export const EXPIRE_FLOW = 'checkpoint.expire';

export function reminderOf(checkpointId: string): string {
  return `checkpoint:${checkpointId}`;
}

export class TurnEnvironment implements HostEnvironment, CheckpointBackend, EventSink {
  /** The checkpoint that was taken out to go on from, with its version. */
  taken: { readonly record: CheckpointRecord; readonly version: number } | undefined = undefined;
  failure: unknown = undefined;
  /** Events of the program. */
  emitted = 0;
  readonly #ctx: ProgramContext;
  readonly #facts: TurnFacts;
  readonly #core: string;
  readonly #parts: ProgramParts;
  #memory: GrainMemory | undefined = undefined;
  #dispatcher: CoreCalls | undefined = undefined;

  constructor(core: string, ctx: ProgramContext, facts: TurnFacts, parts: ProgramParts) {
    this.#core = core;
    this.#ctx = ctx;
    this.#facts = facts;
    this.#parts = parts;
  }

  // Getters, because most turns ask for next to nothing of it.

  get memory(): GrainMemory {
    return (this.#memory ??= new GrainMemory(this.#ctx));
  }

  get clock(): Clock {
    return this.#facts.clock;
  }

  get rng(): Rng {
    return this.#facts.rng;
  }

  get modelProviders(): ModelProvider | undefined {
    return this.#parts.models;
  }

  get plugins(): PluginHost | undefined {
    return this.#parts.plugins;
  }

  get reference(): ReferenceStore | undefined {
    return this.#parts.reference;
  }

  get config(): Readonly<Record<string, JsonValue>> | undefined {
    return this.#parts.config;
  }

  get statelessMemory(): 'none' | 'shared' {
    return this.#parts.statelessMemory ?? 'none';
  }

  get checkpoints(): CheckpointBackend {
    return this;
  }

  get events(): EventSink {
    return this;
  }

  get dispatcher(): CoreCalls {
    const { clock } = this;
    const manifests = (): ReturnType<TurnFacts['manifests']> => this.#facts.manifests();
    return (this.#dispatcher ??= new CoreCalls({ ctx: this.#ctx, clock, manifests }));
  }

  get place(): CheckpointPlace {
    const { tenant, key } = this.#ctx;
    return { tenant, core: this.#core, key };
  }

  log(level: string, message: JsonValue, scope: ExecutionScope): void {
    const { log } = this.#ctx;
    const fields = { execution: scope.executionId, flow: scope.flow };
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    if (level === 'debug' || level === 'warn' || level === 'error') log[level](fields, text);
    else log.info(fields, text);
  }

  // --- events ------------------------------------------------------------------------------------------------------

  publish(event: EngineEvent): void {
    try {
      if (event.is_telemetry) this.#parts.telemetry?.(event);
      else {
        this.#ctx.emit(event.type, event.payload);
        this.emitted += 1;
      }
    } catch (thrown) {
      // Telemetry that breaks is its own affair; an event that was promised is not.
      if (event.is_telemetry) this.#ctx.log.warn({ err: thrown, event: event.type }, 'telemetry.failed');
      else this.failure ??= thrown;
    }
  }

  // --- checkpoints -------------------------------------------------------------------------------------------------

  save(record: CheckpointRecord): void {
    const id = record.checkpoint_id;
    // One that is put back, such as an escalated one, goes on in its row.
    const version = this.taken?.record.checkpoint_id === id ? this.taken.version + 1 : 1;
    const stored = storedOf(record, version);
    this.memory.map(CHECKPOINTS_FIELD).set(id, { ...stored });
    if (record.expires_at_ms !== undefined) {
      const input = { checkpoint_id: id };
      this.#ctx.reminder.set(reminderOf(id), { atMs: record.expires_at_ms, flow: EXPIRE_FLOW, input });
    }
    this.#ctx.emit(CHECKPOINT_EVENT, pendingEvent(this.place, record, version));
  }

  async load(checkpointId: string): Promise<CheckpointRecord | undefined> {
    const stored = await this.#stored(checkpointId);
    return stored && recordOf(stored);
  }

  async take(checkpointId: string): Promise<CheckpointRecord | undefined> {
    const stored = await this.#stored(checkpointId);
    if (!stored) return undefined;
    const record = recordOf(stored);
    this.memory.map(CHECKPOINTS_FIELD).delete(checkpointId);
    if (record.expires_at_ms !== undefined) this.#ctx.reminder.cancel(reminderOf(checkpointId));
    this.taken = { record, version: stored.version };
    return record;
  }

  async #stored(checkpointId: string): Promise<StoredCheckpoint | undefined> {
    const at = { core: this.#core, partition: '', field: CHECKPOINTS_FIELD, kind: 'map' } as const;
    return (await this.memory.get(at, checkpointId)) as StoredCheckpoint | undefined;
  }
}
