// The cables of the chaos run do to connections what they say.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../lib/internal.ts';
import { Cable, Network } from './cable.ts';
import { ownerOfPort } from './system-socket-owner.ts';

const A = 'a';
const B = 'b';

describe('Chaos: cables', () => {
  let server: Server;
  let network: Network;
  let cable: Cable;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    // Answers every byte that comes.
    server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    network = new Network();
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    cable = new Cable({ network, target: () => ({ name: B, port }), dialler: () => A });
    await cable.plug();
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    cable.close();
    await new Promise((resolve) => server.close(resolve));
  });

  function dial(): Socket {
    const socket = connect(cable.port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  }

  async function echo(socket: Socket, text: string): Promise<string> {
    const heard = once(socket, 'data') as Promise<[Buffer]>;
    socket.write(text);
    return String((await heard)[0]);
  }

  /** Whether anything is heard within some round trips of another connection. */
  async function isSilent(socket: Socket, act: () => void): Promise<boolean> {
    let heard = false;
    const listener = (): void => {
      heard = true;
    };
    socket.once('data', listener);
    act();
    const pair = createServer((other) => other.pipe(other));
    await new Promise<void>((resolve) => pair.listen(0, '127.0.0.1', resolve));
    const address = pair.address();
    const probe = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1');
    for (let round = 0; round < 50; round += 1) {
      probe.write('x');
      await once(probe, 'data');
    }
    probe.destroy();
    pair.close();
    socket.off('data', listener);
    return !heard;
  }

  for (const [name, from, to] of [
    ['requests', A, B],
    ['replies', B, A],
  ] as const) {
    it(`${name} held back, arrive whole when it heals`, async () => {
      const socket = dial();
      assert.equal(await echo(socket, 'one'), 'one');
      network.hold(from, to);
      assert.ok(await isSilent(socket, () => socket.write('two')));
      const heard = once(socket, 'data') as Promise<[Buffer]>;
      network.heal(A, B);
      assert.equal(String((await heard)[0]), 'two');
    });
  }

  it('broken: what is open is reset, what is new as well, until it heals', async () => {
    const socket = dial();
    await echo(socket, 'one');
    const reset = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
    network.break(A, B);
    const [error] = await reset;
    assert.equal(error.code, 'ECONNRESET');
    await once(dial(), 'error');
    network.healAll();
    assert.equal(await echo(dial(), 'two'), 'two');
  });

  it('unplugged: refused; plugged again, on the same port', async () => {
    const { port } = cable;
    cable.unplug();
    const [error] = (await once(connect(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    await cable.plug();
    assert.equal(cable.port, port);
    assert.equal(await echo(dial(), 'one'), 'one');
  });

  it('the process that dialled, is found by its port (Linux)', async function () {
    if (process.platform !== 'linux') return this.skip();
    const socket = dial();
    await once(socket, 'connect');
    assert.equal(ownerOfPort(socket.localPort ?? 0, [process.pid]), process.pid);
    assert.equal(ownerOfPort(socket.localPort ?? 0, [1]), undefined);
    await new Promise<void>((resolve) => systemClock.defer(resolve));
  });
});
