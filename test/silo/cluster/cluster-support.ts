// What the tests of routing share: views of made-up silos, and links whose other end the test plays.
import type { Death, Member, MemberState, MembershipView } from '../../../directory/index.ts';
import { type ErrorCode, FakeClock, GrainError } from '../../../lib/index.ts';
import {
  type ControlKind,
  InboundEnvelope,
  type Link,
  type LinkPeer,
  type LinkReply,
  type LinkRequest,
  packValue,
  PromiseEnvelope,
  type Routing,
} from '../../../silo/internal.ts';
import { macrotask } from '../../support/system-macrotask.ts';

export interface MemberFacts {
  readonly state?: MemberState;
  /** Schema by Core. */
  readonly cores?: Readonly<Record<string, number>>;
  readonly death?: Death;
}

export function member(
  incarnation: string,
  { state = 'active', cores = { book: 1 }, death }: MemberFacts = {},
): Member {
  return {
    incarnation,
    name: `name of ${incarnation}`,
    host: '127.0.0.1',
    port: 7_000,
    state,
    joinedView: 1,
    cores: Object.entries(cores).map(([name, schema]) => ({
      name,
      version: '1.0.0',
      schema,
      manifest: name,
    })),
    ...(death ? { death } : {}),
  };
}

export function viewOf(number: number, members: readonly Member[]): MembershipView {
  return { number, generation: 'g', stamp: String(number), members, manifests: {} };
}

export function fakeClock(): FakeClock {
  return new FakeClock({ defer: (run) => void macrotask().then(run) });
}

/** A link whose other end is the test. */
export class FakeLink implements Link {
  readonly peer: LinkPeer;
  isOpen = true;
  heardMs = Infinity;
  readonly requests: LinkRequest[] = [];
  readonly cancelled: LinkRequest[] = [];
  readonly controls: { readonly kind: ControlKind; readonly body: unknown }[] = [];

  constructor(incarnation: string, role: 'silo' | 'gateway' = 'silo') {
    this.peer = { incarnation, name: incarnation, role };
  }

  request(request: LinkRequest): void {
    this.requests.push(request);
  }

  cancel(request: LinkRequest): void {
    this.cancelled.push(request);
  }

  control(kind: ControlKind, body: unknown): void {
    this.controls.push({ kind, body });
  }

  end(): void {
    this.isOpen = false;
  }

  destroy(): void {
    this.isOpen = false;
  }

  /** The oldest request that has no answer yet. */
  take(): LinkRequest {
    const request = this.requests.shift();
    if (!request) throw new Error(`nothing was sent to ${this.peer.incarnation}`);
    return request;
  }

  answer(output: unknown, host?: string): void {
    this.take().onReply({ kind: 'result', payload: packValue(output), host });
  }

  refuse(code: ErrorCode, details: Readonly<Record<string, unknown>> = {}, host?: string): void {
    this.take().onReply({ kind: 'error', error: new GrainError(code, details), host });
  }

  lose(wasSent: boolean): void {
    this.take().onReply({ kind: 'lost', wasSent });
  }
}

/** A call as it comes from code of this process, and what becomes of it. */
export interface Watched {
  readonly envelope: PromiseEnvelope;
  /** The output, the error's code, or undefined while it is open. */
  outcome: { readonly output: unknown } | { readonly code: string } | undefined;
}

export function call(facts: Partial<PromiseEnvelope> = {}): Watched {
  const envelope = Object.assign(new PromiseEnvelope(), {
    tenant: 'acme',
    core: 'book',
    key: 'k1',
    flow: 'read',
    deadlineMs: 30_000,
    ...facts,
  });
  const watched: Watched = { envelope, outcome: undefined };
  envelope.promise.then(
    (output) => (watched.outcome = { output }),
    (error: unknown) =>
      (watched.outcome = { code: error instanceof GrainError ? error.code : String(error) }),
  );
  return watched;
}

/** A message as it comes over a link, and what was answered. */
export interface Inbound {
  readonly envelope: InboundEnvelope;
  readonly replies: LinkReply[];
}

export function inbound(from: string, routing: Partial<Routing> = {}): Inbound {
  const replies: LinkReply[] = [];
  const peer: LinkPeer = { incarnation: from, name: from, role: 'silo' };
  const route = { hops: 3, toOwner: false, view: 1, ...routing };
  const envelope = new InboundEnvelope(peer, route, undefined, (reply) => replies.push(reply));
  Object.assign(envelope, { tenant: 'acme', core: 'book', key: 'k1', flow: 'read', deadlineMs: 30_000 });
  return { envelope, replies };
}
