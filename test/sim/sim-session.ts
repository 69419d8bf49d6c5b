// SimSession: a client that streams numbered events, with the gateway's own lanes between it and the grains.
// The client outlives the processes: after a crash it attaches again and resends what was not acknowledged.
import type { Clock, GrainError } from '../../lib/index.ts';
import { Lane, type LaneOwner, resolveStreamLimits, StreamEvent } from '../../gateway/internal.ts';
import type { ClusterClient } from '../../silo/index.ts';
import type { SimEvent } from './sim-cores.ts';

export type Verdict = 'applied' | 'refused';

export interface SimClientOptions {
  /** The Core that its events are for. @default 'ledger' */
  readonly core?: string;
  /** Told each acknowledgement. */
  readonly onVerdict?: (event: SimEvent, verdict: Verdict) => void;
}

export class SimClient {
  readonly name: string;
  readonly options: SimClientOptions;
  readonly events: SimEvent[] = [];
  /** What was acknowledged, by seq: it must stay true for ever. */
  readonly verdicts = new Map<number, Verdict>();
  #attach = 0;
  #link: SimLink | undefined;

  constructor(name: string, options: SimClientOptions = {}) {
    this.name = name;
    this.options = options;
  }

  acknowledge(seq: number, verdict: Verdict): void {
    this.verdicts.set(seq, verdict);
    const event = this.events[seq - 1];
    if (event) this.options.onVerdict?.(event, verdict);
  }

  /** The highest seq with everything up to it acknowledged. */
  get acked(): number {
    let seq = 0;
    while (this.verdicts.has(seq + 1)) seq += 1;
    return seq;
  }

  get isDone(): boolean {
    return this.acked === this.events.length;
  }

  /** Attaches to a gateway and sends again all that is not acknowledged. */
  attach(cluster: ClusterClient, clock: Clock): void {
    this.#link?.drop();
    this.#attach += 1;
    this.#link = new SimLink(this, cluster, clock, this.#attach);
    for (let seq = this.acked + 1; seq <= this.events.length; seq += 1) this.#send(seq);
  }

  detach(): void {
    this.#link?.drop();
    this.#link = undefined;
  }

  push(event: SimEvent): void {
    this.events.push(event);
    this.#send(this.events.length);
  }

  #send(seq: number): void {
    const event = this.events[seq - 1];
    if (event) this.#link?.send(seq, event);
  }
}

/** One connection: acknowledges in seq order, as the protocol does. */
class SimLink implements LaneOwner {
  readonly cluster: ClusterClient;
  readonly clock: Clock;
  readonly limits = resolveStreamLimits(undefined);
  readonly source: string;
  readonly attach: number;
  readonly #client: SimClient;
  readonly #lanes = new Map<string, Lane>();
  readonly #sent = new Map<number, StreamEvent>();
  #isDropped = false;

  constructor(client: SimClient, cluster: ClusterClient, clock: Clock, attach: number) {
    this.#client = client;
    this.cluster = cluster;
    this.clock = clock;
    this.source = client.name;
    this.attach = attach;
  }

  send(seq: number, event: SimEvent): void {
    const message = new StreamEvent();
    message.core = this.#client.options.core ?? 'ledger';
    message.tenant = 'default';
    message.key = event.book;
    message.flow = 'apply';
    message.input = event;
    message.principal = this.#client.name;
    message.seq = seq;
    this.#sent.set(seq, message);
    let lane = this.#lanes.get(event.book);
    if (!lane) this.#lanes.set(event.book, (lane = new Lane(this)));
    lane.push(message);
  }

  drop(): void {
    this.#isDropped = true;
    for (const lane of this.#lanes.values()) lane.close();
  }

  onProgress(): void {
    if (this.#isDropped) return;
    for (let seq = this.#client.acked + 1; ; seq += 1) {
      const state = this.#sent.get(seq)?.state;
      if (state !== 'applied' && state !== 'refused') return;
      this.#client.acknowledge(seq, state);
    }
  }

  onSessionEnded(error: GrainError): void {
    throw new Error(`${this.#client.name}: the newest attach was told ${error.code}`);
  }

  onStuck(): void {
    // The run as a whole is bounded; what stays stuck shows as a client that is not done.
  }
}
