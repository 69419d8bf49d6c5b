// Memory of a connection that is welcomed and then says nothing.
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { type Bench, checkEqual, type Contestant, timed } from '../bench.ts';
import { openLoad } from '../load/load-generator.ts';
import { openHost } from '../subjects/granary-host.ts';
import { meterCore } from '../subjects/meter.ts';

const WARM_UP = 100;

/** Connects to `url`; `count` tells how many connections the server has. */
function connecting(url: string, count: () => Promise<number>): Contestant {
  const dial = (sockets: number): ReturnType<typeof openLoad> => {
    return openLoad('ws-load.ts', { url, sockets, inFlight: 1, keysPerSocket: 1 });
  };
  return {
    async run(asked) {
      const first = await dial(WARM_UP);
      const before = await settledMemory();
      let load: typeof first | undefined;
      const sample = await timed(async () => {
        load = await dial(asked);
        return asked;
      });
      const after = await settledMemory();
      checkEqual(await count(), WARM_UP + asked, 'connections');
      await Promise.all([first.close(), load?.close()]);
      const heap = after.heapUsed + after.external - before.heapUsed - before.external;
      return {
        ...sample,
        value: heap / asked,
        notes: { 'RSS, B': (after.rss - before.rss) / asked, 'connected in, s': sample.elapsedMs / 1_000 },
      };
    },
  };
}

async function settledMemory(): Promise<NodeJS.MemoryUsage> {
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    globalThis.gc?.();
  }
  return process.memoryUsage();
}

async function openGranary(): Promise<Contestant> {
  const host = await openHost({ cores: [meterCore({ level: 'volatile' })], data: 'memory' });
  return connecting(host.stream, () => connectionsOf(host.url));
}

async function connectionsOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^granary_stream_connections(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}

async function openBare(): Promise<Contestant> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  server.on('connection', (socket) => {
    socket.on('message', () => socket.send(JSON.stringify({ t: 'welcome', credit: { upto: 1_000 } })));
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return connecting(`ws://127.0.0.1:${port}`, () => Promise.resolve(server.clients.size));
}

export const bench: Bench = {
  name: 'idle-sockets',
  title: 'Memory of one idle WebSocket, 10,000 open',
  file: import.meta.url,
  unit: 'bytes',
  work: { fixed: 10_000, smoke: 200 },
  contestants: [
    { name: 'granary', label: 'granary, session welcomed', open: openGranary },
    { name: 'ws', label: 'bare ws', open: openBare },
  ],
  targets: [],
  processes: 'fresh',
  roundsMax: 3,
};
