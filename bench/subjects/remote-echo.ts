// What answers over a socket: links of Granary without a silo behind them, and the floor, TCP with msgpackr. Each end is a
// process of its own. What is sent is an amount for one of 1,000 keys; what comes back has to be the same.
import net from 'node:net';
import { Packr } from 'msgpackr';
import { systemClock, systemRng } from '../../lib/internal.ts';
import {
  createSystemNetwork,
  Envelope,
  type LinkReply,
  type LinkRequest,
  Links,
  type LinksHandlers,
  type Routing,
  unpackValue,
} from '../../silo/internal.ts';
import { Remote } from '../remote.ts';

/** Sends an amount to a key; `onAnswer` gets what came back. */
export interface Asker {
  ask(key: string, amount: number, onAnswer: (amount: number) => void): void;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const SELF = import.meta.url;
/** What the other process tells of itself. */
interface Echo {
  port(): number;
  close(): Promise<void>;
}

function openOther(exported: string): Promise<Remote> {
  return Remote.open({ module: SELF, exported, args: [] });
}

// ---- Links ----

function openLinks(incarnation: string, handlers: Partial<LinksHandlers>): Links {
  const log = { debug: ignore, info: ignore, warn: console.error, error: console.error };
  return new Links({
    network: createSystemNetwork(),
    clock: systemClock,
    rng: systemRng,
    log,
    self: { incarnation, name: incarnation, role: 'silo' },
    cluster: 'bench',
    secret: 'bench',
    handlers: { onRequest: ignore, onControl: ignore, onClosed: ignore, ...handlers },
  });
}

function ignore(): void {
  // Nothing to do.
}

/** Called in the other process. */
export async function openLinkEcho(): Promise<Echo> {
  const links = openLinks('b', {
    onRequest(_link, { envelope }) {
      envelope.open();
      envelope.resolve(envelope.input);
    },
  });
  const { port } = await links.listen(HOST, 0);
  return { port: () => port, close: () => links.close() };
}

class AskEnvelope extends Envelope {
  protected override onResult(): void {
    // The request is told.
  }
  protected override onError(): void {
    // The request is told.
  }
}

const ROUTING: Routing = { hops: 4, toOwner: false, view: 1 };

class Ask implements LinkRequest {
  readonly envelope = new AskEnvelope();
  readonly routing = ROUTING;
  ticket: number | undefined = undefined;
  readonly #onAnswer: (amount: number) => void;

  constructor(key: string, amount: number, onAnswer: (amount: number) => void) {
    const { envelope } = this;
    envelope.tenant = 'default';
    envelope.core = 'meter';
    envelope.key = key;
    envelope.flow = 'record';
    envelope.principal = 'bench';
    envelope.input = { amount };
    envelope.deadlineMs = systemClock.nowMs() + 30_000;
    this.#onAnswer = onAnswer;
  }

  onReply(reply: LinkReply): void {
    if (reply.kind !== 'result' || !reply.payload) throw new Error(`answered by ${reply.kind}`);
    this.#onAnswer((unpackValue(reply.payload) as { readonly amount: number }).amount);
  }
}

export async function openLinkAsker(): Promise<Asker> {
  const other = await openOther('openLinkEcho');
  const port = await other.call<number>('port');
  return await new Promise((resolve) => {
    const links = openLinks('a', {
      onOpen: (link) =>
        resolve({
          ask: (key, amount, onAnswer) => link.request(new Ask(key, amount, onAnswer)),
          async close() {
            await links.close();
            await other.close();
          },
        }),
    });
    links.dial({ incarnation: 'b', host: HOST, port });
  });
}

// ---- The floor ----

// Arrays, not objects: the least that msgpackr can be asked for.
const packr = new Packr({ useRecords: false });
const LENGTH_BYTES = 4;

/** Messages over a socket: each behind its length, all of one tick in one write. */
class Batched {
  readonly #socket: net.Socket;
  readonly #onMessage: (message: unknown) => void;
  #parts: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: net.Socket, onMessage: (message: unknown) => void) {
    this.#socket = socket;
    this.#onMessage = onMessage;
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
  }

  send(message: unknown): void {
    const packed = packr.pack(message);
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32LE(packed.length, 0);
    if (this.#parts.length === 0) setImmediate(this.#flush);
    this.#parts.push(length, packed);
  }

  readonly #flush = (): void => {
    this.#socket.write(Buffer.concat(this.#parts));
    this.#parts = [];
  };

  #onData(bytes: Buffer): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (all.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + all.readUInt32LE(at);
      if (end > all.length) break;
      this.#onMessage(packr.unpack(all.subarray(at + LENGTH_BYTES, end)));
      at = end;
    }
    this.#rest = all.subarray(at);
  }
}

type FloorRequest = readonly [id: number, core: string, key: string, flow: string, input: unknown];

/** Called in the other process. */
export async function openFloorEcho(): Promise<Echo> {
  const server = net.createServer((socket) => {
    socket.on('error', ignore);
    const batched: Batched = new Batched(socket, (message) => {
      const [id, , , , input] = message as FloorRequest;
      batched.send([id, input]);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    port: () => port,
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function openFloorAsker(): Promise<Asker> {
  const other = await openOther('openFloorEcho');
  const socket = net.connect({ host: HOST, port: await other.call<number>('port') });
  await new Promise((resolve) => socket.once('connect', resolve));
  const waiting = new Map<number, (amount: number) => void>();
  const batched = new Batched(socket, (message) => {
    const [id, output] = message as readonly [number, { readonly amount: number }];
    const onAnswer = waiting.get(id);
    waiting.delete(id);
    onAnswer?.(output.amount);
  });
  let lastId = 0;
  return {
    ask(key, amount, onAnswer) {
      lastId += 1;
      waiting.set(lastId, onAnswer);
      batched.send([lastId, 'meter', key, 'record', { amount }]);
    },
    async close() {
      socket.destroy();
      await other.close();
    },
  };
}
