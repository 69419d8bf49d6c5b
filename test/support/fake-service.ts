// A local HTTP server for tests of clients: it records what it is asked, and answers as it is told to, well or badly.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Reply {
  /** @default 200 */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Written one after the other, each in a write of its own. */
  readonly pieces?: readonly (string | Uint8Array)[];
  /**
   * What comes after the pieces. `cut`: the connection is destroyed. `hang`: nothing, until the server stops. `silent`: not
   * even the head of the answer is sent. @default 'end'
   */
  readonly then?: 'end' | 'cut' | 'hang' | 'silent';
}

export type Answer = Reply | ((asked: Asked) => Reply);

export function json(body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Reply {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    pieces: [JSON.stringify(body)],
  };
}

export class FakeService {
  readonly asked: Asked[] = [];
  readonly #script: Answer[] = [];
  readonly #otherwise: (asked: Asked) => Reply;
  readonly #server: Server;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  protected constructor(otherwise: (asked: Asked) => Reply) {
    this.#otherwise = otherwise;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  protected async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next requests are answered so, one after the other; those after them as a good service would. */
  script(...answers: readonly Answer[]): void {
    this.#script.push(...answers);
  }

  /** An answer that comes before the script; the script stands still for it. */
  protected intercept(_asked: Asked): Reply | undefined {
    return undefined;
  }

  /** Resolves when that many requests have come in all. */
  async untilAsked(count: number): Promise<void> {
    if (this.asked.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, held]) => [name, String(held)]),
    );
    const asked: Asked = { path: request.url ?? '', headers, text, body: bodyOf(text) };
    const next = this.intercept(asked) ?? this.#script.shift() ?? this.#otherwise;
    const reply = typeof next === 'function' ? next(asked) : next;
    this.asked.push(asked);
    for (const { count, resolve } of this.#waiting) if (this.asked.length >= count) resolve();
    await send(response, reply);
  }
}

function bodyOf(text: string): Asked['body'] {
  try {
    return JSON.parse(text) as Asked['body'];
  } catch {
    return {}; // a form, or broken on purpose: tests look at the text
  }
}

async function send(response: ServerResponse, reply: Reply): Promise<void> {
  const { status = 200, headers = {}, pieces = [], then = 'end' } = reply;
  if (then === 'silent') return;
  response.writeHead(status, headers);
  response.flushHeaders();
  for (const piece of pieces) await new Promise<void>((resolve) => response.write(piece, () => resolve()));
  if (then === 'end') response.end();
  if (then === 'cut') response.destroy();
}
