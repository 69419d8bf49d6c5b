// StreamSession: the events of one session on one connection (hazards.md 3 and 19).
// Owns: seq, credit, the order of acknowledgements, and which lane an event takes. Does not own: frames and sockets
// (connection.ts), trying again (lane.ts).
//   N1. seq arrives without holes and never above the credit; what breaks this ends the connection.
//   N2. An ack or nack goes out only when everything below is settled, so both are cumulative.
//   N3. Credit follows the settled prefix and never goes back.
//   N4. Unsettled events are bounded by the credit's window in number, and reading stops at a bound of bytes.
//   N5. After `detach` outcomes still move what the registry remembers; nothing is sent on any more.
import { type Clock, Fifo, fromUnknown, GrainError, keyFrom, type Logger } from '../../lib/index.ts';
import type { ClusterClient } from '../../silo/index.ts';
import { type Principal, type Target, targetFor } from '../auth/principal.ts';
import { type FrameCodec, type RawFrame, reportOf, type Wire } from './frame-codec.ts';
import { keyOf, textOf } from './frame-fields.ts';
import { Lane, type LaneOwner, StreamEvent } from './lane.ts';
import type { SessionMemory } from './session-registry.ts';
import type { StreamLimits } from './stream-options.ts';
import type { StreamStats } from './stream-stats.ts';

/** What a session needs of its connection. */
export interface SessionOutput {
  /** There may be something to collect. */
  onSettled(): void;
  onSessionEnded(error: GrainError): void;
}

/** What sessions share. */
export interface SessionHost {
  readonly cluster: ClusterClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: StreamLimits;
  readonly stats: StreamStats;
}

export interface SessionStart {
  readonly codec: FrameCodec;
  readonly principal: Principal;
  readonly memory: SessionMemory;
  /** All up to here were settled before this attach. */
  readonly acked: number;
}

interface CoreLanes {
  readonly target: Target;
  readonly isSingleton: boolean;
  /** Whose rights were looked at. */
  checkedFor: Principal;
  readonly lanes: Map<string, Lane>;
}

/** Idle lanes are dropped when there are more than this and four windows of lanes. */
const LANES_KEPT = 4_096;
/** Names of Cores beyond these are looked up again: with rights across tenants there is no end of them. */
const NAMES_KEPT = 1_024;

export class StreamSession implements LaneOwner {
  readonly attach: number;
  readonly #host: SessionHost;
  readonly #codec: FrameCodec;
  readonly #memory: SessionMemory;
  #principal: Principal;
  #output: SessionOutput | undefined;
  #received: number;
  #settled: number;
  /** The highest seq that an ack or nack named. */
  #told: number;
  #creditUpto: number;
  /** From the first unsettled to the last received; made with the first event, as most of what follows. */
  #events: Fifo<StreamEvent> | undefined = undefined;
  #unsettledBytes = 0;
  /** By the name that frames use, and by `tenant/core`: one object behind both. */
  #byName: Map<string, CoreLanes> | undefined = undefined;
  #laneCount = 0;

  constructor(host: SessionHost, output: SessionOutput, { codec, principal, memory, acked }: SessionStart) {
    this.#host = host;
    this.#output = output;
    this.#codec = codec;
    this.#principal = principal;
    this.#memory = memory;
    this.attach = memory.attach;
    this.#received = acked;
    this.#settled = acked;
    this.#told = acked;
    this.#creditUpto = acked + host.limits.windowEvents;
    memory.settled = Math.max(memory.settled, acked);
  }

  get cluster(): ClusterClient {
    return this.#host.cluster;
  }

  get clock(): Clock {
    return this.#host.clock;
  }

  get limits(): StreamLimits {
    return this.#host.limits;
  }

  get source(): string {
    return `ws:${this.#memory.id}`;
  }

  get creditUpto(): number {
    return this.#creditUpto;
  }

  get unsettledBytes(): number {
    return this.#unsettledBytes;
  }

  get unsettledCount(): number {
    return this.#events?.size ?? 0;
  }

  /** Whether some event is at its grain, so that its outcome is still to come. */
  get hasInFlight(): boolean {
    for (const { lanes } of this.#byName?.values() ?? []) {
      for (const lane of lanes.values()) if (lane.inFlight > 0) return true;
    }
    return false;
  }

  /** The token was renewed: rights are looked at anew, with the next event of each Core. Lanes stay, they hold the order. */
  renew(principal: Principal): void {
    this.#principal = principal;
  }

  /** Takes an event frame. @throws ERR_FRAME_INVALID for a seq that breaks N1 */
  accept(frame: RawFrame, frameBytes: number): void {
    const seq = frame['seq'];
    if (seq !== this.#received + 1 || seq > this.#creditUpto) throw this.#badSeq(seq);
    this.#received = seq;
    this.#host.stats.events += 1;
    const event = new StreamEvent();
    event.seq = seq;
    event.inputBytes = frameBytes;
    this.#unsettledBytes += frameBytes;
    this.#events ??= new Fifo();
    this.#events.push(event);
    let lane: Lane;
    try {
      event.input = this.#codec.payload(frame['data']);
      lane = this.#address(event, frame);
    } catch (error) {
      // Refused here, before any grain: told in its place among the others.
      event.state = 'refused';
      event.error = fromUnknown(error);
      this.#output?.onSettled();
      return;
    }
    lane.push(event);
  }

  /** The acks, nacks and credit that are due, in order. */
  collect(out: Wire[]): void {
    const stats = this.#host.stats;
    const [codec, memory] = [this.#codec, this.#memory];
    for (
      let event = this.#events?.peek();
      event && event.state !== 'unsettled';
      event = this.#events?.peek()
    ) {
      this.#events?.shift();
      this.#settled = event.seq;
      this.#unsettledBytes -= event.inputBytes;
      if (event.error === undefined) continue;
      memory.noteNack(event.seq);
      stats.nacks += 1;
      this.#told = event.seq;
      out.push(codec.encode({ t: 'nack', seq: event.seq, error: reportOf(event.error) }));
    }
    if (this.#settled > this.#told) {
      this.#told = this.#settled;
      stats.acks += 1;
      out.push(codec.ack(this.#settled));
    }
    if (this.#settled > memory.settled) memory.settled = this.#settled;
    this.#collectCredit(out);
  }

  #collectCredit(out: Wire[]): void {
    const { windowEvents } = this.limits;
    const upto = this.#settled + windowEvents;
    if (upto - this.#creditUpto < windowEvents / 4) return;
    this.#creditUpto = upto;
    out.push(this.#codec.encode({ t: 'credit', upto }));
  }

  /** Nothing is sent on any more; what is in flight may still settle. */
  stop(): void {
    for (const { lanes } of this.#byName?.values() ?? []) {
      for (const lane of lanes.values()) lane.close();
    }
  }

  /** The connection is gone. */
  detach(): void {
    this.stop();
    this.#output = undefined;
  }

  onProgress(): void {
    if (this.#output) this.#output.onSettled();
    else this.collect([]); // N5
  }

  onSessionEnded(error: GrainError): void {
    this.#output?.onSessionEnded(error);
  }

  onStuck(event: StreamEvent, failureCount: number, error: GrainError | undefined): void {
    const { tenant, core, key, flow, seq } = event;
    this.#host.log.warn(
      { tenant, core, key, event: flow, session: this.#memory.id, seq, failureCount, err: error },
      'event.stuck',
    );
  }

  #badSeq(seq: unknown): GrainError {
    let message = `event: seq must be ${this.#received + 1}`;
    if (typeof seq === 'number' && seq > this.#creditUpto) {
      message = `event: seq ${seq} is above the credit, which is up to ${this.#creditUpto}`;
    }
    return new GrainError('ERR_FRAME_INVALID', { message });
  }

  /** Fills in where the event goes, and finds the lane there. @throws what it is to be nacked with */
  #address(event: StreamEvent, frame: RawFrame): Lane {
    const name = frame['core'];
    const known = typeof name === 'string' ? this.#byName?.get(name) : undefined;
    const core = known?.checkedFor === this.#principal ? known : this.#openCore(textOf(frame, 'core'));
    event.tenant = core.target.tenant;
    event.core = core.target.core;
    event.principal = this.#principal.name;
    event.flow = textOf(frame, 'event');
    event.key = keyOf(frame) ?? this.#keyIn(core.target.core, event.input);
    const laneKey = core.isSingleton ? '' : (event.key ?? '');
    return core.lanes.get(laneKey) ?? this.#openLane(core, laneKey);
  }

  #openCore(name: string): CoreLanes {
    const target = targetFor(this.#principal, name);
    const manifest = this.cluster.manifests().get(target.core);
    if (!manifest) throw new GrainError('ERR_CORE_UNKNOWN', { core: target.core });
    this.#byName ??= new Map();
    if (this.#byName.size >= NAMES_KEPT) this.#dropNames();
    // `core` and `tenant/core` may mean the same grains, and those must share their lanes: `prev` counts on it.
    const fullName = `${target.tenant}/${target.core}`;
    const core = this.#byName.get(fullName) ?? {
      target,
      isSingleton: manifest.mode === 'singleton',
      checkedFor: this.#principal,
      lanes: new Map<string, Lane>(),
    };
    core.checkedFor = this.#principal;
    this.#byName.set(fullName, core);
    this.#byName.set(name, core);
    return core;
  }

  #openLane(core: CoreLanes, key: string): Lane {
    if (this.#laneCount >= LANES_KEPT + 4 * this.limits.windowEvents) this.#dropIdleLanes();
    const lane = new Lane(this);
    core.lanes.set(key, lane);
    this.#laneCount += 1;
    return lane;
  }

  /** At most a window of lanes is not idle, so most go and this is rare. */
  #dropIdleLanes(): void {
    for (const { lanes } of this.#byName?.values() ?? []) {
      for (const [key, lane] of lanes) {
        if (!lane.isIdle) continue;
        lanes.delete(key);
        this.#laneCount -= 1;
      }
    }
  }

  /** Only before a Core is looked up: one that somebody holds must stay the one that others find. */
  #dropNames(): void {
    this.#dropIdleLanes();
    for (const [name, { lanes }] of this.#byName ?? []) if (lanes.size === 0) this.#byName?.delete(name);
  }

  /** The key of an event that names none: the Core's entity key in its data, so that its lane is known. */
  #keyIn(core: string, data: unknown): string | undefined {
    const manifest = this.cluster.manifests().get(core);
    if (manifest?.mode !== 'entity') return undefined;
    const field = manifest.entityKey;
    const fields = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
    if (field !== undefined && Object.hasOwn(fields, field)) return keyFrom(fields[field]);
    throw new GrainError('ERR_KEY_REQUIRED', { core });
  }
}
