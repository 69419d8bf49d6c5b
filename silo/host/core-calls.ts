// CoreCalls: how a program calls other Cores, through its turn's `ctx.call`.
// Owns: which Core and flow a URI means, and the calls that run beside the execution. Does not own: the calls themselves
// (silo/messaging): they leave when the turn's commits before are durable, and end no later than the turn.
//   C1. Handles are of one execution in one turn: what was started is awaited there, or its outcome is nobody's.
import type { Clock, GrainError, LooseRef } from '../../lib/index.ts';
import { type CoreCall, type CoreDispatcher, type JsonValue, ScaiCoreError } from '../../lib/lang/index.ts';
import type { CoreManifest } from '../cluster-client.ts';
import { coreNamed } from './core-names.ts';
import { isSuspendedReply } from './suspended-reply.ts';

export interface CallingContext {
  call(core: string, key?: string): unknown;
}

export interface CoreCallParts {
  readonly ctx: CallingContext;
  readonly clock: Clock;
  manifests(): ReadonlyMap<string, CoreManifest>;
}

type Settled = { readonly value: JsonValue } | { readonly error: ScaiCoreError };

export class CoreCalls implements CoreDispatcher {
  readonly #parts: CoreCallParts;
  readonly #started = new Map<string, Promise<Settled>>();

  constructor(parts: CoreCallParts) {
    this.#parts = parts;
  }

  async call(call: CoreCall): Promise<JsonValue> {
    const { core, flow } = this.#targetOf(call);
    const ref = this.#parts.ctx.call(core, call.instanceKey) as LooseRef;
    const method = ref[flow];
    if (!method) throw failed(call, `${flow} cannot be the name of a flow`);
    let output: JsonValue;
    try {
      output = ((await method.call(ref, call.input, {
        ...(call.timeoutMs === undefined ? {} : { deadlineMs: call.timeoutMs }),
        ...(call.signal === undefined ? {} : { signal: call.signal }),
      })) ?? null) as JsonValue;
    } catch (thrown) {
      throw asCallError(call, thrown);
    }
    if (!isSuspendedReply(output)) return output;
    // It goes on when somebody resolves it; but not in this call, which was promised a result.
    throw failed(call, 'the flow was suspended at a checkpoint', { ...(output as object) });
  }

  start(call: CoreCall): string {
    const handle = `call:${call.callId}`;
    const settled = this.call(call).then(
      (value) => ({ value }),
      (error: unknown) => ({ error: asCallError(call, error) }),
    );
    this.#started.set(handle, settled);
    return handle;
  }

  async wait(
    handles: readonly string[],
    { mode, timeoutMs }: Parameters<CoreDispatcher['wait']>[1],
  ): Promise<readonly JsonValue[]> {
    const started = handles.map((handle) => this.#startedAs(handle));
    const waiting = mode === 'any' ? this.#first(started) : all(started);
    return timeoutMs === undefined ? await waiting : await this.#within(waiting, timeoutMs);
  }

  #startedAs(handle: string): Promise<Settled> {
    const settled = this.#started.get(handle);
    if (settled) return settled;
    const message = `${handle} is no call of this execution since it was started or resumed`;
    throw new ScaiCoreError('CoreCallError', message, { handle });
  }

  async #first(started: readonly Promise<Settled>[]): Promise<readonly JsonValue[]> {
    if (started.length === 0) return [];
    const { index, settled } = await Promise.race(
      started.map(async (promise, at) => ({ index: at, settled: await promise })),
    );
    const value = valueOf(settled);
    return started.map((_promise, at) => (at === index ? value : null));
  }

  async #within<T>(waiting: Promise<T>, timeoutMs: number): Promise<T> {
    // The loser of the race may fail later, when nobody listens.
    waiting.catch(() => undefined);
    let timer: { cancel(): void } | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = this.#parts.clock.setTimer(timeoutMs, () =>
        reject(new ScaiCoreError('CoreCallError', `no answer within ${timeoutMs} ms`, { timeout: true })),
      );
    });
    try {
      return await Promise.race([waiting, late]);
    } finally {
      timer?.cancel();
    }
  }

  #targetOf(call: CoreCall): { readonly core: string; readonly flow: string } {
    const manifests = this.#parts.manifests();
    const core = coreNamed(call.target, manifests);
    const manifest = core === undefined ? undefined : manifests.get(core);
    if (core === undefined || !manifest) throw failed(call, 'there is no such Core');
    if (call.version !== undefined && !isCompatible(manifest.version, call.version))
      throw failed(call, `version ${manifest.version} is there, and ${call.version} is asked for`);
    const flow = call.flow ?? onlyFlow(manifest);
    if (flow === undefined) throw failed(call, 'it has several flows: name one of them');
    return { core, flow };
  }
}

/** The same MAJOR, and not older. */
function isCompatible(there: string, asked: string): boolean {
  const [have, want] = [there, asked].map((version) => version.split('.').map((part) => parseInt(part, 10)));
  if (!have || !want || have[0] !== want[0]) return false;
  for (let at = 1; at < 3; at += 1) {
    const difference = (have[at] ?? 0) - (want[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** The flow of a Core that has one, beside those that the runtime gave it. */
function onlyFlow({ flows }: CoreManifest): string | undefined {
  const names = flows.map(({ name }) => name).filter((name) => !name.includes('.'));
  const own = names.filter((name) => name !== 'resume' && name !== 'checkpoints');
  if (own.includes('main')) return 'main';
  return own.length === 1 ? own[0] : undefined;
}

async function all(started: readonly Promise<Settled>[]): Promise<readonly JsonValue[]> {
  const settled = await Promise.all(started);
  return settled.map(valueOf);
}

function valueOf(settled: Settled): JsonValue {
  if ('error' in settled) throw settled.error;
  return settled.value;
}

function failed(
  call: CoreCall,
  problem: string,
  details: Readonly<Record<string, unknown>> = {},
): ScaiCoreError {
  return new ScaiCoreError('CoreCallError', `${call.target}: ${problem}`, {
    target: call.target,
    ...details,
  });
}

function asCallError(call: CoreCall, thrown: unknown): ScaiCoreError {
  if (thrown instanceof ScaiCoreError) return thrown;
  const { code, details, message } = thrown as Partial<GrainError> & { readonly message?: string };
  const error_type = details?.['error_type'];
  return new ScaiCoreError(
    'CoreCallError',
    `${call.target}: ${message ?? String(thrown)}`,
    {
      target: call.target,
      ...(code === undefined ? {} : { code }),
      ...(error_type === undefined ? {} : { error_type }),
    },
    { cause: thrown },
  );
}
