// Load on `GET /v1/stream`, or on anything that speaks as much of its protocol as this: events, and acknowledgements
// that may stand for many. A lean client on `ws`; a server that answers each event is treated no other way.
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { BenchError, check } from '../bench.ts';
import type { LoadResult } from './load-generator.ts';

export interface WsLoadOptions {
  readonly url: string;
  readonly sockets: number;
  /** Events that one socket has sent without having seen their acknowledgement. */
  readonly inFlight: number;
  /** Grains that the events of one socket go to, in turn. No two sockets share one. */
  readonly keysPerSocket: number;
}

const SUBPROTOCOL = 'granary.v1+json';
/** Connections that are made at once. */
const DIAL_COUNT = 100;

export const keyOf = (socket: number, key: number): string => `meter-${socket}-${key}`;
/** Differs, so that a sum tells more than a count. */
const amountOf = (seq: number): number => 1 + (seq % 7);

interface ServerFrame {
  readonly t: string;
  readonly seq?: number;
  readonly upto?: number;
  readonly credit?: { readonly upto: number };
}

class LoadSocket {
  readonly #url: string;
  #ws: WebSocket | undefined;
  /** The socket below. */
  #wire: IncomingMessage['socket'] | undefined;
  readonly #heads: readonly string[];
  readonly #inFlight: number;
  #seq = 0;
  #acked = 0;
  #until = 0;
  #credit = 0;
  #amount = 0;
  #isCorked = false;
  #onWelcome: (() => void) | undefined;
  #onDone: (() => void) | undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(index: number, { url, inFlight, keysPerSocket }: WsLoadOptions) {
    this.#inFlight = inFlight;
    this.#heads = Array.from({ length: keysPerSocket }, (_, key) => {
      return `,"core":"meter","key":"${keyOf(index, key)}","event":"reading","data":{"amount":`;
    });
    this.#url = url;
  }

  /** Resolves when the server has welcomed this. */
  connect(): Promise<void> {
    const ws = new WebSocket(this.#url, SUBPROTOCOL, { perMessageDeflate: false });
    this.#ws = ws;
    return new Promise((resolve, reject) => {
      this.#onWelcome = resolve;
      this.#fail = reject;
      ws.on('upgrade', ({ socket }) => (this.#wire = socket.setNoDelay(true)));
      ws.on('open', () => ws.send('{"t":"hello"}'));
      // Text arrives as a Buffer, whatever the type says.
      ws.on('message', (data) => this.#onFrame(JSON.parse((data as Buffer).toString('utf8')) as ServerFrame));
      ws.on('error', (error) => this.#fail(error));
      ws.on('close', (code) => this.#fail(new BenchError(`the socket was closed with ${code}`)));
    });
  }

  /** Sends `count` events; resolves to the sum of their amounts when all are acknowledged. */
  run(count: number): Promise<number> {
    this.#until = this.#seq + count;
    this.#amount = 0;
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#onDone = () => resolve(this.#amount);
      this.#pump();
    });
  }

  close(): void {
    this.#ws?.terminate();
  }

  #onFrame(frame: ServerFrame): void {
    const { t } = frame;
    if (t === 'ack') this.#onAck(frame.seq ?? 0);
    else if (t === 'credit') this.#credit = frame.upto ?? 0;
    else if (t === 'welcome') {
      this.#credit = frame.credit?.upto ?? 0;
      this.#onWelcome?.();
    } else if (t === 'ping') this.#ws?.send('{"t":"pong"}');
    else this.#fail(new BenchError(`an unexpected frame: ${JSON.stringify(frame)}`));
    this.#pump();
  }

  #onAck(seq: number): void {
    if (seq <= this.#acked || seq > this.#seq) {
      this.#fail(new BenchError(`ack ${seq} after ${this.#acked}, with ${this.#seq} sent`));
    }
    this.#acked = seq;
    if (seq !== this.#until) return;
    const done = this.#onDone;
    this.#onDone = undefined;
    done?.();
  }

  #pump(): void {
    const last = Math.min(this.#until, this.#acked + this.#inFlight, this.#credit);
    if (this.#seq >= last) return;
    this.#cork();
    while (this.#seq < last) {
      this.#seq += 1;
      const amount = amountOf(this.#seq);
      this.#amount += amount;
      const head = this.#heads[this.#seq % this.#heads.length] ?? '';
      this.#ws?.send(`{"t":"event","seq":${this.#seq}${head}${amount}}}`);
    }
  }

  /** What one arriving chunk sets off leaves in one write, whoever the server is. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#wire?.cork();
    process.nextTick(() => {
      this.#isCorked = false;
      this.#wire?.uncork();
    });
  }
}

export interface WsLoad {
  run(count: number): Promise<LoadResult>;
  close(): void;
}

export async function openLoad(options: WsLoadOptions): Promise<WsLoad> {
  const sockets = Array.from({ length: options.sockets }, (_, index) => new LoadSocket(index, options));
  for (let first = 0; first < sockets.length; first += DIAL_COUNT) {
    await Promise.all(sockets.slice(first, first + DIAL_COUNT).map((socket) => socket.connect()));
  }
  return {
    async run(count) {
      check(count % sockets.length === 0, `${count} events cannot be shared by ${sockets.length} sockets`);
      const startMs = performance.now();
      const amounts = await Promise.all(sockets.map((socket) => socket.run(count / sockets.length)));
      const elapsedMs = performance.now() - startMs;
      return { done: count, elapsedMs, amount: amounts.reduce((sum, amount) => sum + amount, 0) };
    },
    close: () => sockets.forEach((socket) => socket.close()),
  };
}
