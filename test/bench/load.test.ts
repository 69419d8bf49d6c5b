// The load generators notice a server that does not do the work.
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import { openLoad as openHttpLoad } from '../../bench/load/http-load.ts';
import { openLoad as openWsLoad } from '../../bench/load/ws-load.ts';

/** What a server makes of the nth event: the frames that it answers. */
type Answers = (seq: number) => object[];

async function withStream(answers: Answers, test: (url: string) => Promise<void>): Promise<void> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const frame = JSON.parse((data as Buffer).toString()) as { t: string; seq: number };
      const frames = frame.t === 'hello' ? [{ t: 'welcome', credit: { upto: 8 } }] : answers(frame.seq);
      for (const answer of frames) socket.send(JSON.stringify(answer));
    });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    await test(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
}

const load = { sockets: 2, inFlight: 4, keysPerSocket: 3 };

describe('bench load on a stream', () => {
  it('a server that acknowledges every fourth event and grants credit, gets all events', async () => {
    const answers: Answers = (seq) =>
      seq % 4 === 0
        ? [
            { t: 'ack', seq },
            { t: 'credit', upto: seq + 8 },
          ]
        : [];
    await withStream(answers, async (url) => {
      const generator = await openWsLoad({ url, ...load });
      const result = await generator.run(80);
      assert.equal(result.done, 80);
      // Amounts of seq 1 to 40, from each of both sockets.
      const amount = Array.from({ length: 40 }, (_, at) => 1 + ((at + 1) % 7)).reduce(
        (sum, one) => sum + one,
      );
      assert.equal(result.amount, 2 * amount);
      generator.close();
    });
  });

  it('a server that refuses an event or acknowledges what was not sent, fails the run', async () => {
    const wrong: Answers[] = [
      (seq) => [{ t: 'nack', seq, error: { code: 'ERR_FLOW_FAILED' } }],
      (seq) => [{ t: 'ack', seq: seq + 100 }],
      (seq) => [
        { t: 'ack', seq },
        { t: 'ack', seq },
      ],
    ];
    for (const answers of wrong) {
      await withStream(answers, async (url) => {
        const generator = await openWsLoad({ url, ...load });
        await assert.rejects(generator.run(8), /unexpected frame|ack \d+ after/);
        generator.close();
      });
    }
  });
});

async function withHttp(
  answer: (nth: number) => [number, string],
  test: (port: number) => Promise<void>,
): Promise<void> {
  let requests = 0;
  const server: Server = createServer((request, response) => {
    request.resume().on('end', () => {
      requests += 1;
      const [status, body] = answer(requests);
      response.writeHead(status, { 'Content-Length': Buffer.byteLength(body) }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await test((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const total = (value: number): string => JSON.stringify({ status: 'ok', data: { total: value } });

describe('bench load over HTTP', () => {
  it('a server that counts, one connection and two keys, gets all requests', async () => {
    await withHttp(
      (nth) => [200, total(Math.ceil(nth / 2))],
      async (port) => {
        const generator = await openHttpLoad({ port, connections: 1, keysPerConnection: 2 });
        assert.equal((await generator.run(10)).done, 10);
        assert.equal((await generator.run(4)).done, 4);
        generator.close();
      },
    );
  });

  it('a server that counts wrongly or refuses, fails the run', async () => {
    for (const wrong of [
      [200, total(2)],
      [503, total(1)],
    ] as [number, string][]) {
      await withHttp(
        () => wrong,
        async (port) => {
          const generator = await openHttpLoad({ port, connections: 1, keysPerConnection: 1 });
          await assert.rejects(generator.run(1), /the total should be 1|unexpected answer/);
          generator.close();
        },
      );
    }
  });
});
