// Load on `POST /v1/cores/meter/instances/{key}/flows/record`: keep-alive connections, each with one request under way.
// Written on bare sockets, because a client library would cost more than the server.
import { connect, type Socket } from 'node:net';
import { BenchError, check } from '../bench.ts';
import type { LoadResult } from './load-generator.ts';

export interface HttpLoadOptions {
  readonly port: number;
  readonly connections: number;
  /** Grains that the requests of one connection go to, in turn. No two connections share one. */
  readonly keysPerConnection: number;
}

const BODY = '{"amount":1}';
const HEAD_END = '\r\n\r\n';

class Connection {
  readonly #requests: readonly Buffer[];
  /** What the next answer of each key must say. */
  readonly #totals: number[];
  readonly #socket: Socket;
  #received = '';
  #left = 0;
  #turn = 0;
  #onDone: (() => void) | undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(index: number, { port, keysPerConnection }: HttpLoadOptions) {
    const keys = Array.from({ length: keysPerConnection }, (_, key) => `meter-${index}-${key}`);
    this.#requests = keys.map((key) => Buffer.from(requestFor(key, port)));
    this.#totals = keys.map(() => 0);
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text) => this.#onText(text as unknown as string));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => this.#fail(new BenchError('the server closed the connection')));
  }

  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#socket.once('connect', resolve);
    });
  }

  run(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#onDone = resolve;
      this.#send();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(): void {
    const request = this.#requests[this.#turn];
    if (request) this.#socket.write(request);
  }

  #onText(text: string): void {
    this.#received = this.#received === '' ? text : this.#received + text;
    const headEnd = this.#received.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const length = Number(/\ncontent-length: *(\d+)/i.exec(this.#received)?.[1] ?? Number.NaN);
    const end = headEnd + HEAD_END.length + length;
    if (this.#received.length < end) return;
    const body = this.#received.slice(headEnd + HEAD_END.length, end);
    const isGood = this.#received.startsWith('HTTP/1.1 200') && this.#received.length === end;
    if (isGood) this.#onBody(body);
    else this.#fail(new BenchError(`an unexpected answer: ${this.#received.slice(0, 500)}`));
  }

  #onBody(body: string): void {
    this.#received = '';
    const { data } = JSON.parse(body) as { readonly data?: { readonly total?: number } };
    const total = (this.#totals[this.#turn] ?? 0) + 1;
    if (data?.total !== total) {
      this.#fail(new BenchError(`the answer is ${body}, the total should be ${total}`));
      return;
    }
    this.#totals[this.#turn] = total;
    this.#turn = (this.#turn + 1) % this.#requests.length;
    this.#left -= 1;
    if (this.#left > 0) this.#send();
    else this.#onDone?.();
  }
}

function requestFor(key: string, port: number): string {
  return (
    `POST /v1/cores/meter/instances/${key}/flows/record HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`
  );
}

export interface HttpLoad {
  run(count: number): Promise<LoadResult>;
  close(): void;
}

export async function openLoad(options: HttpLoadOptions): Promise<HttpLoad> {
  const connections = Array.from({ length: options.connections }, (_, at) => new Connection(at, options));
  await Promise.all(connections.map((connection) => connection.ready()));
  return {
    async run(count) {
      const share = count / connections.length;
      check(Number.isInteger(share), `${count} calls cannot be shared by ${connections.length} connections`);
      const startMs = performance.now();
      await Promise.all(connections.map((connection) => connection.run(share)));
      return { done: count, elapsedMs: performance.now() - startMs, amount: count };
    },
    close: () => connections.forEach((connection) => connection.close()),
  };
}
