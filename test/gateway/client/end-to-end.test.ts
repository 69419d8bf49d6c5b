// The client against the real gateway, silo and store, over a cable that breaks.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect as dial, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, type GranaryClient } from '../../../gateway/client/node.ts';
import { type Host, startHost } from '../../../gateway/granary.ts';
import { defineCore, entity, list, type Logger, randomBelow, SeededRng } from '../../../lib/index.ts';

const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

interface Line {
  readonly key: string;
  readonly n: number;
}

/** Keeps every number that it was sent, and tells of each tenth. */
const log = defineCore({
  name: 'log',
  version: '1.0.0',
  instance: entity({ entityKey: 'key' }),
  memory: { count: 0, numbers: list<number>() },
  events: { line: 'add' },
}).flows((flow) => ({
  add: flow({
    run(ctx, input) {
      const { n } = input as Line;
      if (n % 50 === 7) ctx.refuse('not this one');
      ctx.memory.count += 1;
      ctx.memory.numbers.push(n);
      if (n % 10 === 0) ctx.emit('tenth', n);
      return n;
    },
  }),
  numbers: flow({
    readonly: true,
    run: async (ctx) => ctx.memory.numbers.last(10_000),
  }),
}));

/** A TCP proxy whose connections break after some bytes. */
class Cable {
  cutCount = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #bytesLeft = Infinity;

  constructor(port: () => number, nextCut: () => number) {
    this.#server = createServer((near) => {
      const far = dial(port(), '127.0.0.1');
      this.#bytesLeft = nextCut();
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
        from.on('data', (data) => {
          this.#bytesLeft -= data.length;
          if (this.#bytesLeft > 0) return to.write(data);
          this.cutCount += 1;
          near.resetAndDestroy();
          return far.resetAndDestroy();
        });
      }
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

describe('Client, end to end', function () {
  this.timeout(60_000);
  let folder: string;
  let host: Host;
  let cable: Cable;
  let client: GranaryClient;
  const rng = new SeededRng(11);

  const start = (port: number): Promise<Host> =>
    startHost({ cores: [log], data: path.join(folder, 'data'), port, log: SILENT });

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'granary-client-'));
    host = await start(0);
    cable = new Cable(
      () => Number(new URL(host.url).port),
      () => 2_000 + randomBelow(rng, 60_000),
    );
    const url = await cable.listen();
    client = connect(url, { reconnectFirstMs: 1, reconnectMostMs: 50 });
  });

  afterEach(async () => {
    await client.close();
    cable.close();
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('5,000 events over a cable that breaks, subscribers and refusals among them, take effect exactly once', async () => {
    const keys = ['a', 'b', 'c', 'd'];
    const core = client.core<typeof log>('log');
    const tenths = core.subscribe('a', { event: 'tenth', from: '0.0' });
    const refused: number[] = [];
    const stream = client.events({
      bufferCountMax: 500,
      onNack: ({ code }, { data }) => {
        assert.equal(code, 'ERR_FLOW_REFUSED');
        refused.push((data as Line).n);
      },
    });
    for (let n = 1; n <= 5_000; n += 1) {
      const key = keys[n % 4] ?? 'a';
      await stream.push('log', key, 'line', { key, n });
    }
    const counts = await stream.flush();
    assert.deepEqual(counts, { acknowledged: 4_900, refused: 100, unknown: 0 });
    assert.ok(cable.cutCount > 5, `${cable.cutCount} cuts`);
    const every = Array.from({ length: 5_000 }, (_unused, index) => index + 1);
    const isRefused = (n: number): boolean => n % 50 === 7;
    assert.deepEqual(refused, every.filter(isRefused));
    for (const [index, key] of keys.entries()) {
      const expected = every.filter((n) => n % 4 === index && !isRefused(n));
      assert.deepEqual(await host.ref(log, key).numbers(), expected, key);
    }
    const seen: unknown[] = [];
    for await (const item of tenths) {
      seen.push(item.kind === 'event' ? item.data : 'gap');
      if (seen.length === 250) break;
    }
    assert.deepEqual(
      seen,
      every.filter((n) => n % 20 === 0),
    );
  });

  it('the host stops and starts again in the middle, everything takes effect exactly once', async () => {
    const stream = client.events();
    const port = Number(new URL(host.url).port);
    const sent: Promise<void>[] = [];
    for (let n = 1; n <= 600; n += 1) {
      if (n % 50 !== 7) sent.push(stream.send(log, 'a', 'line', { key: 'a', n }));
      if (n === 300) {
        await sent[100];
        await host.stop();
        host = await start(port);
      }
    }
    await Promise.all(sent);
    const numbers = await host.ref(log, 'a').numbers();
    assert.deepEqual(
      numbers,
      Array.from({ length: 600 }, (_unused, index) => index + 1).filter((n) => n % 50 !== 7),
    );
  });

  it('a call with a command id over a cable that breaks, runs once', async () => {
    const core = client.core(log);
    for (let n = 1; n <= 400; n += 1) {
      if (n % 50 !== 7) await core.call('add', { key: 'c', n }, { commandId: `add ${n}` });
    }
    assert.ok(cable.cutCount > 0);
    const numbers = await host.ref(log, 'c').numbers();
    assert.equal(new Set(numbers).size, numbers.length);
    assert.equal(numbers.length, 392);
  });
});
