// The six events of the engine (specification 5.3), without any `emit`. Owns their payloads, what is too long for them,
// and that secrets of `@config` are not in them.
import type { Clock } from '../../base/clock.ts';
import type { IRBlock, IRConfigParam, JsonValue } from '../ir/ir.ts';
import type { ScaiCoreError } from './errors.ts';
import type { EngineEvent, EventSink, HostEnvironment } from './host-environment.ts';
import { isList, isObject, type MutableObject } from './values.ts';
import { isWithin } from './value-size.ts';

/** Of the JSON of a block's value in `block.exited`, in characters. */
const VALUE_MAX = 4096;

export type TelemetryName =
  | 'invocation.started'
  | 'invocation.completed'
  | 'invocation.failed'
  | 'block.entered'
  | 'block.exited'
  | 'block.failed';

/** What a block says about itself; made once, when it is compiled. */
export interface BlockLabel {
  readonly block_kind: IRBlock['kind'];
  readonly node_id: string | null;
  readonly result_binding: string | null;
}

export function labelOf(block: IRBlock): BlockLabel {
  return {
    block_kind: block.kind,
    node_id: block.source_location?.node_id ?? null,
    result_binding: block.result_binding ?? null,
  };
}

/** Who an event is about. */
export interface EventSource {
  readonly coreId: string;
  readonly executionId: string;
  readonly instanceKey: string | undefined;
}

export class Telemetry {
  readonly #sink: EventSink;
  readonly #clock: Clock;
  readonly #source: EventSource;
  readonly #secrets: readonly string[];

  constructor(sink: EventSink, clock: Clock, source: EventSource, secrets: readonly string[]) {
    this.#sink = sink;
    this.#clock = clock;
    this.#source = source;
    this.#secrets = secrets;
  }

  started(input: JsonValue): void {
    this.#publish('invocation.started', { input: this.#clean(input), ...this.#instance() });
  }

  completed(output: JsonValue, durationMs: number): void {
    const payload = { output: this.#clean(output), duration_ms: durationMs, ...this.#instance() };
    this.#publish('invocation.completed', payload);
  }

  failed(error: ScaiCoreError): void {
    this.#publish('invocation.failed', { ...this.#errorInfo(error), ...this.#instance() });
  }

  entered({ block_kind, node_id }: BlockLabel): void {
    this.#publish('block.entered', { block_kind, node_id });
  }

  exited({ block_kind, node_id, result_binding }: BlockLabel, value: JsonValue): void {
    const shown = this.#shown(value);
    this.#publish('block.exited', { block_kind, node_id, result_binding, ...shown });
  }

  blockFailed({ block_kind, node_id }: BlockLabel, error: ScaiCoreError): void {
    this.#publish('block.failed', { ...this.#errorInfo(error), block_kind, node_id });
  }

  #publish(name: TelemetryName, payload: Readonly<Record<string, JsonValue>>): void {
    const { executionId } = this.#source;
    const type = `scaicore.runtime.${name}`;
    const full = { execution_id: executionId, ...payload };
    this.#sink.publish(eventOf(this.#source, type, full, true, this.#clock));
  }

  #instance(): Readonly<Record<string, JsonValue>> {
    const { instanceKey } = this.#source;
    return instanceKey === undefined ? {} : { instance_key: instanceKey };
  }

  #errorInfo(error: ScaiCoreError): Readonly<Record<string, JsonValue>> {
    return { error_type: error.errorType, message: withoutSecrets(error.message, this.#secrets) as string };
  }

  #shown(value: JsonValue): Readonly<Record<string, JsonValue>> {
    // With as many parts as it may have characters, it has more of those.
    const cleaned = isWithin(value, VALUE_MAX) ? this.#clean(value) : undefined;
    const isShort = cleaned !== undefined && JSON.stringify(cleaned).length <= VALUE_MAX;
    return isShort ? { result_binding_value: cleaned } : { result_binding_truncated: true };
  }

  #clean(value: JsonValue): JsonValue {
    return this.#secrets.length === 0 ? value : withoutSecrets(value, this.#secrets);
  }
}

export function eventOf(
  source: EventSource,
  type: string,
  payload: Readonly<Record<string, JsonValue>>,
  isTelemetry: boolean,
  clock: Clock,
): EngineEvent {
  return {
    type,
    core_id: source.coreId,
    timestamp: new Date(clock.wallMs()).toISOString(),
    payload,
    is_telemetry: isTelemetry,
    execution_id: source.executionId,
    ...(source.instanceKey !== undefined && { instance_key: source.instanceKey }),
  };
}

// ---- Secrets ----

/** The texts of secret settings, as they are now. Very short ones would blacken everything; nobody guards those. */
export function secretsOf(params: Iterable<IRConfigParam>, env: HostEnvironment): readonly string[] {
  const found: string[] = [];
  for (const { name, secret, default: initial } of params) {
    if (secret !== true) continue;
    const given = env.config && Object.hasOwn(env.config, name) ? env.config[name] : initial;
    if (given !== undefined) collectTexts(given, found);
  }
  return found.sort((one, other) => other.length - one.length);
}

function collectTexts(value: JsonValue, into: string[]): void {
  if (typeof value === 'string' && value.length > 0) into.push(value);
  else if (typeof value === 'number') into.push(String(value));
  else if (isList(value)) for (const item of value) collectTexts(item, into);
  else if (isObject(value)) for (const item of Object.values(value)) collectTexts(item, into);
}

/** The value with `***` wherever a secret stood, also inside of longer texts. */
export function withoutSecrets(value: JsonValue, secrets: readonly string[]): JsonValue {
  if (secrets.length === 0) return value;
  if (typeof value === 'string')
    return secrets.reduce((text, secret) => text.replaceAll(secret, '***'), value);
  if (typeof value === 'number') return secrets.includes(String(value)) ? '***' : value;
  if (isList(value)) return value.map((item) => withoutSecrets(item, secrets));
  if (!isObject(value)) return value;
  const clean: MutableObject = {};
  for (const [name, item] of Object.entries(value)) clean[name] = withoutSecrets(item, secrets);
  return clean;
}
