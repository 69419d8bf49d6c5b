// What the WebSocket load is put on: Granary's stream, and the floor, a bare `ws` server that does no more than JSON.
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { checkEqual, type Contestant } from '../bench.ts';
import { openLoad, underLoad } from '../load/load-generator.ts';
import { keyOf, type WsLoadOptions } from '../load/ws-load.ts';
import { openHost } from './granary-host.ts';
import { meterCore, type MeterOptions } from './meter.ts';

export type StreamLoad = Omit<WsLoadOptions, 'url'>;

/** 50 sockets with 16 events each under way, over 300 grains. */
export const STREAM_LOAD: StreamLoad = { sockets: 50, inFlight: 16, keysPerSocket: 6 };

/** Events to grains of this level; `data` is where they are kept. */
export async function openGrainStream(level: MeterOptions['level'], data: string): Promise<Contestant> {
  const core = meterCore({ level });
  const host = await openHost({ cores: [core], data });
  const load = await openLoad('ws-load.ts', { ...STREAM_LOAD, url: host.stream });
  let amount = 0;
  return {
    async run(count) {
      const sample = await underLoad(load, count);
      amount += sample.amount;
      checkEqual(await sumOfTotals(), amount, 'sum of the totals');
      return sample;
    },
    async close() {
      await load.close();
      await host.stop();
    },
  };

  async function sumOfTotals(): Promise<number> {
    let sum = 0;
    for (let socket = 0; socket < STREAM_LOAD.sockets; socket += 1) {
      for (let key = 0; key < STREAM_LOAD.keysPerSocket; key += 1) {
        sum += await host.ref(core, keyOf(socket, key)).read();
      }
    }
    return sum;
  }
}

interface EventFrame {
  readonly t: string;
  readonly seq: number;
  readonly data: { readonly amount: number };
}

/** Parses each frame, adds its amount up, and answers it in JSON. */
export async function openEcho(): Promise<Contestant> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  let received = 0;
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString('utf8')) as EventFrame;
      if (frame.t === 'event') {
        received += frame.data.amount;
        socket.send(JSON.stringify({ t: 'ack', seq: frame.seq }));
      } else socket.send(JSON.stringify({ t: 'welcome', credit: { upto: Number.MAX_SAFE_INTEGER } }));
    });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const load = await openLoad('ws-load.ts', { ...STREAM_LOAD, url: `ws://127.0.0.1:${port}` });
  let amount = 0;
  return {
    async run(count) {
      const sample = await underLoad(load, count);
      amount += sample.amount;
      checkEqual(received, amount, 'sum of what was received');
      return sample;
    },
    async close() {
      await load.close();
      server.close();
    },
  };
}
