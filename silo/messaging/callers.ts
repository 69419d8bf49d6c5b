// Callers: how code gets a call to a grain, from outside of grains and from inside a turn.
//   A nested call leaves only when what its turn has seen is durable (hazards.md 4), carries the chain of waiting
//   activations, ends no later than its caller, and derives its command id from its caller's (hazards.md 10).
import {
  type AnyCore,
  type CallOptions,
  type Clock,
  copyValue,
  DEFAULT_TENANT,
  estimateBytes,
  fromUnknown,
  GrainError,
  type GrainRef,
} from '../../lib/index.ts';
import type { Turn } from '../catalog/turn.ts';
import { type Envelope, PromiseEnvelope } from './envelope.ts';
import { refClassFor, type RefCaller } from './grain-refs.ts';

export const CALL_DEADLINE_MS = 30_000;
/** Longer chains are almost surely a mistake, and each link costs every hop. */
const CHAIN_DEPTH_MAX = 64;

export interface CallSender {
  readonly clock: Clock;
  dispatch(envelope: Envelope): void;
  /** Watches the deadline of an envelope that is dispatched later. */
  watch(envelope: Envelope): void;
}

/** Calls from code outside of grains, such as the host program or a test. */
export class OutsideCaller implements RefCaller {
  readonly #sender: CallSender;
  readonly #tenant: string;
  readonly #principal: string;

  constructor(sender: CallSender, tenant: string, principal: string) {
    this.#sender = sender;
    this.#tenant = tenant;
    this.#principal = principal;
  }

  invoke(
    core: string,
    key: string | undefined,
    flow: string,
    input: unknown,
    options: CallOptions | undefined,
  ): Promise<unknown> {
    const envelope = new PromiseEnvelope();
    envelope.tenant = this.#tenant;
    envelope.principal = this.#principal;
    const problem = fill(envelope, core, key, flow, input);
    if (problem) return refuse(envelope, problem);
    envelope.deadlineMs = this.#sender.clock.nowMs() + (options?.deadlineMs ?? CALL_DEADLINE_MS);
    envelope.commandId = options?.commandId;
    if (options?.signal && !listen(envelope, options.signal)) return envelope.promise;
    this.#sender.dispatch(envelope);
    return envelope.promise;
  }
}

/** Calls that a running turn makes. */
export class TurnCaller implements RefCaller {
  readonly #sender: CallSender;
  readonly #turn: Turn;

  constructor(sender: CallSender, turn: Turn) {
    this.#sender = sender;
    this.#turn = turn;
  }

  invoke(
    core: string,
    key: string | undefined,
    flow: string,
    input: unknown,
    options: CallOptions | undefined,
  ): Promise<unknown> {
    const turn = this.#turn;
    const envelope = new NestedEnvelope();
    // A rejection, not a throw: whoever kept the reference awaits a promise.
    if (turn.isEnded) return refuse(envelope, new GrainError('ERR_TURN_ENDED', { flow: turn.flow.name }));
    envelope.tenant = turn.activation.tenant;
    envelope.principal = `core:${turn.activation.name}`;
    envelope.chain = turn.chain;
    envelope.commandId = options?.commandId ?? turn.nextCallId();
    const problem = fill(envelope, core, key, flow, input);
    if (problem) return refuse(envelope, problem);
    if (envelope.chain.depth > CHAIN_DEPTH_MAX) {
      return refuse(
        envelope,
        new GrainError('ERR_CALL_CYCLE', { message: `more than ${CHAIN_DEPTH_MAX} nested calls` }),
      );
    }
    const nowMs = this.#sender.clock.nowMs();
    envelope.deadlineMs =
      nowMs + Math.min(turn.activation.remainingMs(turn), options?.deadlineMs ?? Infinity);
    if (options?.signal && !listen(envelope, options.signal)) return envelope.promise;
    let hasLeft = false;
    turn.activation.whenOpen((failure) => {
      hasLeft = true;
      if (failure) envelope.reject(failure);
      else if (turn.isEnded) envelope.reject(new GrainError('ERR_TURN_ENDED', { flow: turn.flow.name }));
      else this.#sender.dispatch(envelope);
    });
    if (!hasLeft) this.#sender.watch(envelope);
    return envelope.promise;
  }
}

/** A flow may leave a call of its own unawaited. That such a call fails must not end the process. */
class NestedEnvelope extends PromiseEnvelope {
  protected override onError(error: GrainError): void {
    this.promise.catch(() => undefined);
    super.onError(error);
  }
}

/** Puts the address and a copy of the input in; answers what is wrong with the input. */
function fill(
  envelope: Envelope,
  core: string,
  key: string | undefined,
  flow: string,
  input: unknown,
): GrainError | undefined {
  envelope.core = core;
  envelope.key = key;
  envelope.flow = flow;
  if (input === undefined) return undefined;
  try {
    envelope.input = copyValue(input);
  } catch (error) {
    return fromUnknown(error);
  }
  if (typeof input === 'object' || typeof input === 'string')
    envelope.inputBytes = estimateBytes(envelope.input);
  return undefined;
}

function refuse(envelope: PromiseEnvelope, error: GrainError): Promise<unknown> {
  envelope.reject(error);
  return envelope.promise;
}

/** Cancels the envelope with the signal; false when it is aborted already. */
function listen(envelope: PromiseEnvelope, signal: AbortSignal): boolean {
  if (signal.aborted) {
    envelope.cancel();
    return false;
  }
  const onAbort = (): void => envelope.cancel();
  signal.addEventListener('abort', onAbort, { once: true });
  const stop = (): void => signal.removeEventListener('abort', onAbort);
  envelope.promise.then(stop, stop);
  return true;
}

/** Who a reference from outside of grains speaks for. */
export interface RefOptions {
  readonly tenant?: string;
  readonly principal?: string;
}

/** A reference for code outside of grains; its calls go through `sender`. */
export function outsideRef<C extends AnyCore>(
  sender: CallSender,
  core: C | string,
  key: string | number | undefined,
  { tenant = DEFAULT_TENANT, principal = 'host' }: RefOptions = {},
): GrainRef<C> {
  const name = typeof core === 'string' ? core : core.definition.name;
  const caller = new OutsideCaller(sender, tenant, principal);
  return new (refClassFor(name))(caller, name, key === undefined ? undefined : String(key)) as GrainRef<C>;
}
