// SimNetwork: the wires between simulated machines. Byte streams between silos, and connections to Redis, run over them.
// Owns: who can reach whom, how long everything takes, and what breaks. Keeps N1 of silo/transport/network.ts, except for
// the faults `duplicate` and `reorder`, which are what a hostile peer would do.
//   P1. What goes through one pipe arrives in its order, or not at all from some point on.
//   P2. A blocked way keeps what is written, as a kernel does: it arrives when the way is free again, even when the process
//       that wrote it is dead by then; or the draw is that it never arrives, and then the connection breaks.
import { GrainError, randomBelow } from '../../lib/index.ts';
import type { ByteStream, ByteStreamHandlers, ConnectOutcome, Listener, Network } from '../../silo/index.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimWorld } from './sim-world.ts';

const FAST_MS = 0.4;
const SLOW_MS = 40;
/** One in so many deliveries is slow. */
const SLOW_EVERY = 50;
const BATCH_ENDS_EVERY = 32;
const HIGH_WATER_BYTES = 64 * 1024;

/** One direction between two processes. */
export class Pipe {
  readonly #net: SimNetwork;
  readonly #from: SimProcess;
  readonly #to: SimProcess;
  readonly #queue: string;
  #held: (() => void)[] = [];
  #heldFromMs = 0;
  #lastMs = 0;
  #isCut = false;
  /** What was sent in the same step travels together, most of the time. */
  #batch: (() => void)[] = [];
  #batchStep = -1;

  constructor(net: SimNetwork, from: SimProcess, to: SimProcess) {
    this.#net = net;
    this.#from = from;
    this.#to = to;
    this.#queue = `pipe ${net.nextId()}`;
  }

  /** Runs it at the other end, when it arrives there. */
  push(run: () => void): void {
    if (this.#isCut) return;
    if (this.#held.length > 0 || this.#net.isBlocked(this.#from.host, this.#to.host)) {
      if (this.#held.length === 0) {
        this.#net.hold(this);
        this.#heldFromMs = this.#net.world.nowMs;
      }
      this.#held.push(run);
    } else this.#send(run, this.#net.world.nowMs);
  }

  /** Nothing that is pushed from now on arrives; what is on its way does. */
  cut(): void {
    this.#isCut = true;
  }

  /** What has not arrived yet never will. */
  drop(): void {
    this.#isCut = true;
    this.#held = [];
    this.#lastMs = -1;
  }

  get isBlocked(): boolean {
    return this.#net.isBlocked(this.#from.host, this.#to.host);
  }

  release(): void {
    const held = this.#held;
    this.#held = [];
    for (const run of held) this.#send(run, this.#heldFromMs);
  }

  #send(run: () => void, sentMs: number): void {
    if (this.#lastMs < 0) return;
    const { world } = this.#net;
    if (this.#batchStep === world.stepCount && randomBelow(world.rng, BATCH_ENDS_EVERY) > 0) {
      this.#batch.push(run);
      return;
    }
    const batch = [run];
    this.#batch = batch;
    this.#batchStep = world.stepCount;
    this.#lastMs = Math.max(this.#lastMs, world.nowMs + this.#net.delayMs());
    world.addTimer(undefined, this.#lastMs - world.nowMs, () => {
      if (this.#lastMs < 0) return;
      world.addTask(this.#to, this.#queue, () => {
        this.#net.arrivedAfter(world.nowMs - sentMs);
        for (const arrive of batch) if (this.#to.isAlive) arrive();
      });
    });
  }
}

interface Listening {
  readonly process: SimProcess;
  readonly onStream: (stream: ByteStream) => void;
}

export type FrameFault = 'truncate' | 'duplicate' | 'reorder' | 'reset';

export class SimNetwork {
  readonly world: SimWorld;
  /** How much slower everything is for a time. */
  slowness = 1;
  /** From a write until it was read, stalls of the reader included. */
  longestTransitMs = 0;
  readonly #blocked = new Set<string>();
  readonly #held = new Set<Pipe>();
  readonly #listening = new Map<string, Listening>();
  readonly #streams = new Set<SimStream>();
  #nextFault: FrameFault | undefined;
  #ids = 0;

  constructor(world: SimWorld) {
    this.world = world;
  }

  nextId(): number {
    this.#ids += 1;
    return this.#ids;
  }

  delayMs(): number {
    const { rng } = this.world;
    const mostMs = randomBelow(rng, SLOW_EVERY) === 0 ? SLOW_MS : FAST_MS;
    return (0.05 + rng.next() * mostMs) * this.slowness;
  }

  /** Bytes from one machine to the other get no further. */
  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  unblock(from: string, to: string): void {
    if (!this.#blocked.delete(`${from}>${to}`)) return;
    for (const pipe of [...this.#held]) {
      if (pipe.isBlocked) continue;
      this.#held.delete(pipe);
      pipe.release();
    }
  }

  unblockAll(): void {
    for (const way of [...this.#blocked]) {
      const [from = '', to = ''] = way.split('>');
      this.unblock(from, to);
    }
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(`${from}>${to}`);
  }

  hold(pipe: Pipe): void {
    this.#held.add(pipe);
  }

  /** The next write of any stream meets this fault. */
  failNextWrite(fault: FrameFault): void {
    this.#nextFault = fault;
  }

  takeFault(): FrameFault | undefined {
    const fault = this.#nextFault;
    this.#nextFault = undefined;
    return fault;
  }

  /** Breaks one of the connections between silos. */
  resetOne(): void {
    const streams = [...this.#streams];
    streams[randomBelow(this.world.rng, Math.max(1, streams.length))]?.reset('reset');
  }

  /** The network as one process sees it. */
  of(process: SimProcess): Network {
    return {
      listen: (host, port, onStream) => this.#listen(process, host, port, onStream),
      connect: (host, port, timeoutMs) => this.#connect(process, host, port, timeoutMs),
    };
  }

  arrivedAfter(transitMs: number): void {
    this.longestTransitMs = Math.max(this.longestTransitMs, transitMs);
  }

  forget(stream: SimStream): void {
    this.#streams.delete(stream);
  }

  #listen(
    process: SimProcess,
    host: string,
    port: number,
    onStream: (stream: ByteStream) => void,
  ): Promise<Listener> {
    const name = `${host}:${port}`;
    const other = this.#listening.get(name);
    if (other?.process.isAlive) {
      return Promise.reject(new GrainError('ERR_LISTEN_FAILED', { message: `${name} is in use` }));
    }
    const own: Listening = { process, onStream };
    this.#listening.set(name, own);
    const close = (): Promise<void> => {
      if (this.#listening.get(name) === own) this.#listening.delete(name);
      return Promise.resolve();
    };
    return Promise.resolve({ host, port, close });
  }

  #connect(process: SimProcess, host: string, port: number, timeoutMs: number): Promise<ConnectOutcome> {
    return new Promise((resolve) => {
      const timer = process.setTimer(timeoutMs, () => resolve({ kind: 'unreachable', reason: 'timeout' }));
      const answer = (outcome: () => ConnectOutcome): void => {
        // A connection is made, or refused, by the machine: a process that stands still answers, too.
        this.world.addTimer(undefined, this.delayMs(), () => {
          if (this.isBlocked(host, process.host)) return;
          this.world.addTask(process, `connect ${this.nextId()}`, () => {
            timer.cancel();
            resolve(outcome());
          });
        });
      };
      this.world.addTimer(undefined, this.delayMs(), () => {
        if (this.isBlocked(process.host, host)) return;
        const listening = this.#listening.get(`${host}:${port}`);
        if (!listening?.process.isAlive || !process.isAlive) return answer(() => ({ kind: 'refused' }));
        const [ours, theirs] = this.#pair(process, listening.process, `${host}:${port}`);
        this.world.addTask(listening.process, 'accept', () => listening.onStream(theirs));
        answer(() => ({ kind: 'connected', stream: ours }));
      });
    });
  }

  #pair(dialer: SimProcess, listener: SimProcess, address: string): readonly [SimStream, SimStream] {
    const there = new Pipe(this, dialer, listener);
    const back = new Pipe(this, listener, dialer);
    const ours = new SimStream(this, dialer, there, address);
    const theirs = new SimStream(this, listener, back, `${dialer.host}:0`);
    ours.join(theirs);
    theirs.join(ours);
    this.#streams.add(ours);
    this.#streams.add(theirs);
    return [ours, theirs];
  }
}

/** One end of a connection. */
class SimStream implements ByteStream {
  handlers: ByteStreamHandlers | undefined;
  readonly remote: string;
  readonly #net: SimNetwork;
  readonly #process: SimProcess;
  /** To the other end. */
  readonly #pipe: Pipe;
  #peer: SimStream | undefined;
  #backlogBytes = 0;
  #isFull = false;
  #isEnded = false;
  #isClosed = false;

  constructor(net: SimNetwork, process: SimProcess, pipe: Pipe, remote: string) {
    this.#net = net;
    this.#process = process;
    this.#pipe = pipe;
    this.remote = remote;
    process.onDeath(() => this.#die());
  }

  join(peer: SimStream): void {
    this.#peer = peer;
  }

  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isClosed || this.#isEnded || bytes.length === 0) return !this.#isFull;
    const fault = bytes.length > 14 ? this.#net.takeFault() : undefined;
    if (fault === 'truncate') {
      // The beginning arrives, and then the end of the connection.
      this.#transmit(bytes.subarray(0, randomBelow(this.#net.world.rng, bytes.length)));
      this.destroy();
      return false;
    }
    if (fault === 'reset') this.reset('reset');
    else if (fault) for (const part of mangled(bytes, fault)) this.#transmit(part);
    else this.#transmit(bytes);
    return !this.#isFull;
  }

  end(): void {
    if (this.#isClosed || this.#isEnded) return;
    this.#isEnded = true;
    this.#pipe.push(() => this.#peer?.closed('the other end closed'));
    this.#pipe.cut();
    this.#net.world.addTask(this.#process, 'ends', () => this.closed('ended'));
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#net.forget(this);
    this.#pipe.push(() => this.#peer?.closed('reset by the other end'));
    this.#pipe.cut();
    this.#net.world.addTask(this.#process, 'ends', () => this.handlers?.onClose('destroyed'));
  }

  /** The connection is gone for both ends; what was on its way is lost. */
  reset(reason: string): void {
    this.breakOff(reason);
    this.#peer?.breakOff(reason);
  }

  breakOff(reason: string): void {
    this.#pipe.drop();
    this.#net.world.addTask(this.#process, 'ends', () => this.closed(reason));
  }

  closed(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#net.forget(this);
    this.#pipe.cut();
    this.handlers?.onClose(reason);
  }

  #die(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#net.forget(this);
    // What it had handed to its kernel is still sent; then the kernel closes.
    this.#pipe.push(() => this.#peer?.closed('the process died'));
    this.#pipe.cut();
  }

  #transmit(bytes: Uint8Array): void {
    this.#backlogBytes += bytes.length;
    this.#isFull = this.#backlogBytes > HIGH_WATER_BYTES;
    const { rng } = this.#net.world;
    // Now and then a write arrives in two parts.
    const cut = bytes.length > 1 && randomBelow(rng, 8) === 0 ? 1 + randomBelow(rng, bytes.length - 1) : 0;
    if (cut > 0) this.#pipe.push(() => this.#peer?.arrive(bytes.subarray(0, cut)));
    this.#pipe.push(() => this.#peer?.arrive(bytes.subarray(cut)));
  }

  arrive(bytes: Uint8Array): void {
    this.#peer?.sent(bytes.length);
    if (!this.#isClosed) this.handlers?.onBytes(bytes);
  }

  sent(byteCount: number): void {
    this.#backlogBytes -= byteCount;
    if (!this.#isFull || this.#backlogBytes > HIGH_WATER_BYTES / 2) return;
    this.#isFull = false;
    this.#net.world.addTask(this.#process, 'drains', () => {
      if (!this.#isClosed && !this.#isFull) this.handlers?.onDrain();
    });
  }
}

/** Whole frames of one write (each begins with its length), one of them twice, or two in the wrong order. */
function mangled(bytes: Uint8Array, fault: 'duplicate' | 'reorder'): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + 4 <= bytes.length && at + 4 + view.getUint32(at, true) <= bytes.length) {
    const end = at + 4 + view.getUint32(at, true);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  const rest = at < bytes.length ? [bytes.subarray(at)] : [];
  if (fault === 'duplicate')
    return [...frames.flatMap((frame, index) => (index === 0 ? [frame, frame] : [frame])), ...rest];
  return [...frames.reverse(), ...rest];
}
