// The same links over real sockets.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { SeededRng } from '../../../lib/index.ts';
import { systemClock } from '../../../lib/internal.ts';
import {
  createSystemNetwork,
  type Link,
  Links,
  type LinksHandlers,
  type NetworkTls,
} from '../../../silo/internal.ts';
import { listLog, type LogLine, message, SentRequest } from './link-world.ts';

function tlsOf(name: string, ca = 'cluster'): NetworkTls {
  const read = (file: string): string =>
    readFileSync(new URL(`certificates/${file}.pem`, import.meta.url), 'utf8');
  return { cert: read(name), key: read(`${name}-key`), ca: read(`${ca}-ca`) };
}

describe('The machine’s network', () => {
  const open: Links[] = [];
  const log: LogLine[] = [];

  function links(incarnation: string, tls?: NetworkTls, handlers: Partial<LinksHandlers> = {}): Links {
    const made = new Links({
      network: createSystemNetwork({ tls }),
      clock: systemClock,
      rng: new SeededRng(incarnation.length),
      log: listLog(log),
      self: { incarnation, name: incarnation, role: 'silo' },
      cluster: 'test',
      secret: 'a secret',
      handlers: {
        onRequest(_link, request) {
          request.envelope.open();
          request.resolve(request.envelope.input);
        },
        onControl: () => undefined,
        onClosed: () => undefined,
        ...handlers,
      },
    });
    open.push(made);
    return made;
  }

  function linked(from: Links, port: number, opened: Promise<Link>): Promise<Link> {
    from.dial({ incarnation: 'server', host: '127.0.0.1', port });
    return opened;
  }

  function opening(): { readonly opened: Promise<Link>; readonly onOpen: (link: Link) => void } {
    let onOpen: (link: Link) => void = () => undefined;
    const opened = new Promise<Link>((resolve) => (onOpen = resolve));
    return { opened, onOpen };
  }

  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()));
    log.length = 0;
  });

  for (const [what, tls] of [
    ['TCP', undefined],
    ['TLS', tlsOf('cluster')],
  ] as const) {
    it(`${what}, short and long messages at a time, all come back`, async () => {
      const server = links('server', tls);
      const { port } = await server.listen('127.0.0.1', 0);
      const { opened, onOpen } = opening();
      const link = await linked(links('client', tls, { onOpen }), port, opened);
      const inputs = Array.from({ length: 2_000 }, (_, n) =>
        n % 100 === 0 ? new Uint8Array(300_000).fill(n) : { n },
      );
      const asked = inputs.map((input) => new SentRequest(message({ input })));
      for (const request of asked) link.request(request);
      const outcomes = await Promise.all(asked.map(({ settled }) => settled));
      outcomes.forEach((outcome, n) => {
        assert.deepEqual(outcome, { kind: 'result', value: inputs[n], host: undefined });
      });
    });

    it(`${what}, the server ends, is told to the client as a closed link, and a new dial is refused`, async () => {
      const server = links('server', tls, { onRequest: () => undefined });
      const { port } = await server.listen('127.0.0.1', 0);
      const { opened, onOpen } = opening();
      let refused: (text: string) => void = () => undefined;
      const told = new Promise<string>((resolve) => (refused = resolve));
      const client = links('client', tls, { onOpen, onDialFailed: (_peer, outcome) => refused(outcome) });
      const link = await linked(client, port, opened);
      const request = new SentRequest(message());
      link.request(request);
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      await server.close();
      assert.deepEqual(await request.settled, { kind: 'lost', wasSent: true });
      assert.equal(await told, 'refused');
      assert.equal(await client.probe('127.0.0.1', port), 'refused');
    });
  }

  it('TLS, a client with a certificate of another authority or none, does not get in', async () => {
    const server = links('server', tlsOf('cluster'));
    const { port } = await server.listen('127.0.0.1', 0);
    for (const tls of [tlsOf('stranger'), { ...tlsOf('stranger'), ca: tlsOf('cluster').ca }, undefined]) {
      let failed: () => void = () => undefined;
      const over = new Promise<void>((resolve) => (failed = resolve));
      const { onOpen } = opening();
      const client = links('client', tls, {
        onOpen: (link) => (onOpen(link), assert.fail('it got in')),
        onDialFailed: () => failed(),
      });
      client.dial({ incarnation: 'server', host: '127.0.0.1', port });
      // Without TLS of its own, or refused after its own side was content: the connection ends in the handshake.
      const timer = systemClock.setTimer(1, function look(): void {
        if (log.some(({ message: text }) => text.startsWith('link.dial_failed'))) failed();
        else systemClock.setTimer(5, look);
      });
      await over;
      timer.cancel();
      await client.close();
      log.length = 0;
    }
    assert.equal(server.all().length, 0);
  });

  it('TLS, a server with a certificate of another authority, is not spoken to', async () => {
    const server = links('server', tlsOf('stranger', 'cluster'));
    const { port } = await server.listen('127.0.0.1', 0);
    const outcome = await createSystemNetwork({ tls: tlsOf('cluster') }).connect('127.0.0.1', port, 2_000);
    assert.equal(outcome.kind, 'unreachable');
  });

  it('a port that is taken, is told as ERR_LISTEN_FAILED', async () => {
    const { port } = await links('server').listen('127.0.0.1', 0);
    await assert.rejects(links('other').listen('127.0.0.1', port), { code: 'ERR_LISTEN_FAILED' });
  });

  it('an address that does not answer in time, is unreachable', async () => {
    const silent = net.createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as net.AddressInfo;
    const outcome = await createSystemNetwork({ tls: tlsOf('cluster') }).connect('127.0.0.1', port, 50);
    assert.equal(outcome.kind, 'unreachable');
    silent.close();
  });

  it('a stranger that sends garbage and resets, leaves the port working', async () => {
    const server = links('server');
    const { port } = await server.listen('127.0.0.1', 0);
    for (let round = 0; round < 20; round += 1) {
      const socket = net.connect(port, '127.0.0.1');
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.on('error', () => undefined);
      if (round % 2 === 0) socket.write('GET / HTTP/1.1\r\n\r\n');
      socket.resetAndDestroy();
    }
    const { opened, onOpen } = opening();
    const link = await linked(links('client', undefined, { onOpen }), port, opened);
    assert.ok(link.isOpen);
  });
});
