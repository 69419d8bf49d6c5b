// Whatever comes over a stream: either it is of the protocol, or the link closes with one reason, and nothing else happens.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { FakeClock, fromUnknown, randomBelow, SeededRng } from '../../../lib/index.ts';
import {
  CHALLENGE,
  CHUNK,
  CONTROL,
  FrameReader,
  HANDSHAKE_BYTES_MAX,
  HEADER_BYTES,
  HELLO,
  Meeting,
  MessageOutlet,
  packValue,
  PING,
  PROOF,
  REQUEST,
  resolveLinkOptions,
  StreamLink,
  unpackValue,
  WELCOME,
} from '../../../silo/internal.ts';
import { macrotask } from '../../support/system-macrotask.ts';
import { listLog, pair, type PairEnd, type Peer, World } from './link-world.ts';

function frame(kind: number, number: number, body: Uint8Array, flags = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + body.byteLength);
  bytes.writeUInt32LE(bytes.length - 4, 0);
  bytes.writeUInt32LE(number, 4);
  bytes[8] = kind;
  bytes[9] = flags;
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

function framesOf(bytes: Uint8Array): Buffer[] {
  const all = Buffer.from(bytes);
  const frames: Buffer[] = [];
  for (let at = 0; at < all.length; at += 4 + all.readUInt32LE(at)) {
    frames.push(all.subarray(at, at + 4 + all.readUInt32LE(at)));
  }
  return frames;
}

/** A stream of a stranger to the peer's port; what comes back is collected. */
async function stranger(
  world: World,
  peer: Peer,
): Promise<{ stream: PairEnd; replies: Buffer[]; closed: string[] }> {
  const outcome = await world.network.connect('127.0.0.1', peer.port);
  assert.ok(outcome.kind === 'connected');
  const replies: Buffer[] = [];
  const closed: string[] = [];
  outcome.stream.handlers = {
    onBytes: (bytes) => replies.push(Buffer.from(bytes)),
    onDrain: () => undefined,
    onClose: (reason) => closed.push(reason),
  };
  return { stream: outcome.stream as PairEnd, replies, closed };
}

const HELLO_FIELDS = {
  magic: 'granary',
  version: 1,
  oldest: 1,
  cluster: 'test',
  incarnation: 'stranger',
  name: 'x',
  role: 'silo',
  nonce: '00'.repeat(32),
};

function refusals(peer: Peer): string[] {
  return peer.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
}

describe('Hostile streams', () => {
  describe('before the handshake is done', () => {
    const openings: [string, Uint8Array, RegExp][] = [
      ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /a frame of \d+ bytes/],
      ['a length of nothing', Buffer.alloc(16), /a frame of 0 bytes/],
      ['a huge length', Buffer.from('ffffffff0000000001000000', 'hex'), /a frame of 4294967295 bytes/],
      [
        'a frame above the limit',
        frame(HELLO, 0, Buffer.alloc(HANDSHAKE_BYTES_MAX)),
        /a frame of 4102 bytes/,
      ],
      ['a wrong number', frame(HELLO, 1, packValue(HELLO_FIELDS)), /frame 1 of its lane instead of 0/],
      ['a request', frame(REQUEST, 0, Buffer.alloc(40)), /does not begin with a hello/],
      ['a ping', frame(PING, 0, Buffer.alloc(0)), /does not begin with a hello/],
      ['an unknown kind', frame(99, 0, Buffer.alloc(0)), /unknown kind 99/],
      ['a hello of garbage', frame(HELLO, 0, Buffer.from('c1c1', 'hex')), /begins no value/],
      ['a hello of a number', frame(HELLO, 0, packValue(7)), /not of this protocol/],
      ['another magic', frame(HELLO, 0, packValue({ ...HELLO_FIELDS, magic: 'x' })), /not of this protocol/],
      ['no version', frame(HELLO, 0, packValue({ ...HELLO_FIELDS, version: 'x' })), /without its version/],
      ['an odd role', frame(HELLO, 0, packValue({ ...HELLO_FIELDS, role: 'king' })), /without its role/],
      [
        'an odd incarnation',
        frame(HELLO, 0, packValue({ ...HELLO_FIELDS, incarnation: '\n' })),
        /its incarnation/,
      ],
      [
        'a short nonce',
        frame(HELLO, 0, packValue({ ...HELLO_FIELDS, nonce: 'x' })),
        /without its random number/,
      ],
      ['itself', frame(HELLO, 0, packValue({ ...HELLO_FIELDS, incarnation: 'a' })), /this process itself/],
    ];
    for (const [what, bytes, reason] of openings) {
      it(`${what}, closes the connection with one reason, and says nothing to the stranger`, async () => {
        const world = new World();
        const a = await world.peer('a');
        const { stream, replies, closed } = await stranger(world, a);
        stream.write(bytes);
        await world.settle();
        assert.equal(closed.length, 1);
        assert.equal(replies.length, 0);
        assert.equal(refusals(a).length, 1);
        assert.match(refusals(a)[0] ?? '', reason);
      });
    }

    it('another version or cluster, both sides log what to do', async () => {
      const world = new World();
      const a = await world.peer('a');
      const { stream, replies } = await stranger(world, a);
      stream.write(frame(HELLO, 0, packValue({ ...HELLO_FIELDS, version: 9, oldest: 8 })));
      await world.settle();
      assert.match(refusals(a)[0] ?? '', /it speaks versions 8 to 9 .* run releases of Granary that overlap/);
      assert.match(
        String(unpackValue((replies[0] ?? Buffer.alloc(20)).subarray(HEADER_BYTES))),
        /this end speaks versions 1 to 1/,
      );
      const b = await world.peer('b', { cluster: 'other' });
      b.dial(a);
      await world.settle();
      for (const log of [refusals(a)[1], refusals(b)[0]])
        assert.match(log ?? '', /another cluster: set the same/);
      assert.equal(
        a.log.every(({ fields }) => fields['code'] === 'ERR_LINK_INVALID'),
        true,
      );
    });

    it('another secret, is refused, and both sides log what to do; the listener has proved nothing', async () => {
      const world = new World();
      const a = await world.peer('a');
      const b = await world.peer('b', { secret: 'guessed' });
      const seen: number[] = [];
      world.network.onPair = (_dialler, listener) => {
        const write = listener.write.bind(listener);
        listener.write = (bytes) => {
          for (const each of framesOf(bytes)) seen.push(each[8] ?? 0);
          return write(bytes);
        };
      };
      b.dial(a);
      await world.settle();
      for (const log of [refusals(a)[0], refusals(b)[0]])
        assert.match(log ?? '', /set the same cluster secret/);
      assert.ok(!seen.includes(WELCOME));
      assert.equal(a.opened.length + b.opened.length, 0);
    });

    it('a listener without the secret, is not believed', async () => {
      const world = new World();
      const b = await world.peer('b');
      const requests: Buffer[] = [];
      const { port } = await world.network.listen('127.0.0.1', 0, (stream) => {
        stream.handlers = {
          onBytes(bytes) {
            requests.push(Buffer.from(bytes));
            if (requests.length === 1) {
              stream.write(frame(CHALLENGE, 0, packValue({ ...HELLO_FIELDS, incarnation: 'fake' })));
            } else {
              // The dialler's own proof, sent back.
              stream.write(frame(WELCOME, 1, Buffer.from(bytes).subarray(HEADER_BYTES)));
            }
          },
          onDrain: () => undefined,
          onClose: () => undefined,
        };
      });
      b.links.dial({ incarnation: 'fake', host: '127.0.0.1', port });
      await world.settle();
      assert.match(refusals(b)[0] ?? '', /set the same cluster secret/);
      assert.equal(b.opened.length, 0);
    });

    it('everything of a good handshake, sent again on another connection, proves nothing', async () => {
      const world = new World();
      const a = await world.peer('a');
      const b = await world.peer('b');
      const said: Uint8Array[] = [];
      world.network.onPair = (dialler) => {
        const write = dialler.write.bind(dialler);
        dialler.write = (bytes) => {
          said.push(new Uint8Array(bytes));
          return write(bytes);
        };
      };
      b.dial(a);
      await world.settle();
      assert.equal(a.opened.length, 1);
      world.network.onPair = undefined;
      const { stream, closed } = await stranger(world, a);
      for (const bytes of said) {
        stream.write(bytes);
        await world.settle();
      }
      assert.equal(closed.length, 1);
      assert.match(refusals(a)[0] ?? '', /another secret/);
      assert.equal(a.opened.length, 1);
      assert.ok(a.to(b).isOpen, 'the real one is untouched');
    });

    it('a proof for another role or nonce, is refused', async () => {
      const world = new World();
      const a = await world.peer('a');
      const own = packValue(HELLO_FIELDS);
      for (const [role, isOtherWay] of [
        ['listener', false],
        ['dialler', true],
      ] as const) {
        const { stream, replies } = await stranger(world, a);
        stream.write(frame(HELLO, 0, own));
        await world.settle();
        const their = (replies[0] ?? Buffer.alloc(0)).subarray(HEADER_BYTES);
        const hmac = createHmac('sha256', 'a secret').update(`granary link ${role}\n`);
        for (const part of isOtherWay ? [their, own] : [own, their])
          hmac.update(`${part.byteLength}\n`).update(part);
        stream.write(frame(PROOF, 1, hmac.digest()));
        await world.settle();
      }
      assert.equal(a.opened.length, 0);
      assert.equal(refusals(a).length, 2);
    });

    it('a byte now and then, or none, is closed after the limit; others come in meanwhile', async () => {
      const world = new World();
      const a = await world.peer('a', { options: { handshakesMax: 10 } });
      const strangers = await Promise.all(Array.from({ length: 30 }, () => stranger(world, a)));
      await world.settle();
      assert.equal(strangers.filter(({ closed }) => closed.length > 0).length, 20, 'the oldest made room');
      const b = await world.peer('b');
      b.dial(a);
      await world.settle();
      assert.equal(a.opened.length, 1);
      const hello = frame(HELLO, 0, packValue(HELLO_FIELDS));
      for (let at = 0; at < 6; at += 1) {
        for (const { stream } of strangers) stream.write(hello.subarray(at, at + 1));
        world.clock.advance(1_000);
        await world.settle();
      }
      assert.ok(strangers.every(({ closed }) => closed.length === 1));
      assert.ok(a.to(b).isOpen);
      assert.ok(refusals(a).length <= 20, `${refusals(a).length} lines`);
    });
  });

  describe('of a peer that has proved itself', () => {
    async function broken(change: (frames: Buffer[]) => Uint8Array): Promise<readonly [World, Peer, Peer]> {
      const world = new World();
      const [a, b] = await world.two();
      const [dialler] = world.network.ends;
      assert.ok(dialler);
      dialler.spoil = (bytes) => change(framesOf(bytes));
      return [world, a, b];
    }
    const changes: [string, (frames: Buffer[]) => Uint8Array, RegExp][] = [
      [
        'a frame twice',
        ([first, ...rest]) => Buffer.concat([first, first, ...rest].flatMap((f) => f ?? [])),
        /frame 0 of its lane instead of 1/,
      ],
      [
        'frames out of order',
        (frames) => Buffer.concat(frames.reverse()),
        /frame 2 of its lane instead of 0/,
      ],
      ['a frame lost', (frames) => Buffer.concat(frames.slice(1)), /frame 1 of its lane instead of 0/],
      [
        'a frame cut short',
        ([first, ...rest]) => Buffer.concat([(first ?? Buffer.alloc(0)).subarray(0, 20), ...rest]),
        /./,
      ],
      [
        'a body cut short',
        (frames) =>
          Buffer.concat(
            frames.map((f) =>
              frame(f[8] ?? 0, f.readUInt32LE(4), f.subarray(HEADER_BYTES, HEADER_BYTES + 20), f[9]),
            ),
          ),
        /cut off/,
      ],
      [
        'a handshake frame',
        () => frame(HELLO, 2, packValue(HELLO_FIELDS)),
        /kind 1, which does not belong here/,
      ],
      ['an odd control frame', () => frame(CONTROL, 2, packValue(1), 77), /control frame of the kind 77/],
      [
        'a chunk of too much',
        () => frame(CHUNK, 0, Buffer.from('ffffffff01', 'hex')),
        /a message of 4294967295 bytes/,
      ],
      [
        'a chunk in a chunk',
        () => frame(CHUNK, 0, Buffer.from('030000002000ff', 'hex')),
        /long message of the kind 32/,
      ],
      ['an end of no message', () => frame(CHUNK, 0, Buffer.alloc(0), 1), /given up that was not begun/],
    ];
    for (const [what, change, reason] of changes) {
      it(`${what}, closes the link with one reason; what was asked is lost`, async () => {
        const [world, a, b] = await broken(change);
        const asked = [1, 2, 3].map((input) => a.ask(b, { input }));
        await world.settle();
        assert.equal(b.closed.length, 1);
        assert.match(b.closed[0] ?? '', reason);
        for (const { outcomes } of asked) assert.equal(outcomes.length, 1);
        world.clock.advance(5_000);
        await world.settle();
      });
    }

    it('the same number for two requests, closes the link', async () => {
      const world = new World();
      const [a, b] = await world.two();
      b.onRequest = () => undefined;
      const [dialler] = world.network.ends;
      assert.ok(dialler);
      dialler.spoil = (bytes) => {
        const [first] = framesOf(bytes);
        assert.ok(first);
        const again = Buffer.from(first);
        again.writeUInt32LE(1, 4);
        return Buffer.concat([first, again]);
      };
      a.ask(b);
      await world.settle();
      assert.equal(b.closed.length, 1);
    });

    it('100,000 changed inputs, in handshakes and links: at most the connection closes, nothing is thrown', async function () {
      this.timeout(120_000);
      const recorded = await record();
      const rng = new SeededRng(11);
      const counts = { meetings: 0, links: 0, closed: 0, requests: 0 };
      for (let round = 0; round < 100_000; round += 1) {
        const piece = recorded[randomBelow(rng, recorded.length)];
        assert.ok(piece);
        const bytes = change(rng, piece.bytes);
        counts[piece.stage] += 1;
        const fed = piece.stage === 'links' ? feedLink(bytes) : feedPort(bytes);
        counts.requests += fed.requests;
        if (fed.closed.length > 0) counts.closed += 1;
        assert.ok(fed.closed.length <= 1, fed.closed.join(', '));
        if (round % 5_000 === 0) await macrotask();
      }
      assert.ok(counts.closed > 30_000, JSON.stringify(counts));
      assert.ok(counts.requests > 1_000, JSON.stringify(counts));
    });
  });
});

interface Piece {
  readonly stage: 'meetings' | 'links';
  readonly bytes: Buffer;
}

/** What a dialler says first, and the first message of links with all that messages can have. */
async function record(): Promise<Piece[]> {
  const chain = { grain: 'acme/x/1', activation: 'a:1', core: 'x', depth: 1, parent: undefined };
  const pieces: Piece[] = [];
  const messages = [
    { input: { a: [1, 'two', { three: 3.5 }] } },
    { kind: 'event', mark: { source: 's', attach: 1, seq: 2, prev: 1 }, input: 'x' },
    { kind: 'reminder', tick: { name: 't', dueMs: 12.5 }, commandId: 'c', chain, deadlineMs: 1e6 },
    { input: new Uint8Array(70_000) },
  ] as const;
  for (const fields of messages) {
    const world = new World();
    let stage: Piece['stage'] = 'meetings';
    world.network.onPair = (dialler) => {
      dialler.spoil = (bytes) => {
        // Control frames of a link go on where the handshake stopped.
        for (const each of framesOf(bytes)) {
          if (stage === 'links' && each[8] === CONTROL) each.writeUInt32LE(0, 4);
          pieces.push({ stage, bytes: Buffer.from(each) });
        }
        return bytes;
      };
    };
    const [a, b] = await world.two();
    stage = 'links';
    a.ask(b, fields);
    a.to(b).control('view', { number: 3, members: [{ name: 'x' }] });
    await world.settle();
  }
  return pieces;
}

interface Fed {
  readonly closed: readonly string[];
  readonly requests: number;
}

const OPTIONS = resolveLinkOptions(undefined);
const CLOCK = new FakeClock({ defer: () => undefined });
const RNG = new SeededRng(3);

/** The port of a process that listens. */
function feedPort(bytes: Buffer): Fed {
  const [stream, ours] = pair();
  const closed: string[] = [];
  const party = { peer: SELF, cluster: 'test', secret: 's', expected: undefined, nonce: RNG.hex(32) };
  const meeting = new Meeting({
    stream: ours,
    clock: CLOCK,
    party,
    role: 'listener',
    limitMs: 5_000,
    messageBytesMax: OPTIONS.messageBytesMax,
    objection: () => undefined,
    onMet: () => assert.fail('a stranger got in'),
    onFailed: (reason) => closed.push(reason),
  });
  stream.write(bytes);
  stream.deliver();
  meeting.close('enough');
  return { closed: closed.filter((reason) => reason !== 'enough'), requests: 0 };
}

/** A link whose handshake is done. */
function feedLink(bytes: Buffer): Fed {
  const [stream, ours] = pair();
  const closed: string[] = [];
  let requests = 0;
  const outlet = new MessageOutlet(ours, CLOCK, OPTIONS.messageBytesMax);
  const reader = new FrameReader({ onFrame: () => assert.fail('the link reads') });
  const log = listLog([]);
  log.error = (_fields, text) => assert.fail(text);
  const link = new StreamLink({
    stream: ours,
    outlet,
    reader,
    peer: SELF,
    isDialled: false,
    clock: CLOCK,
    log,
    options: OPTIONS,
    handlers: {
      onRequest(_link, request) {
        requests += 1;
        try {
          request.envelope.open();
        } catch (error) {
          return request.reject(fromUnknown(error));
        }
        request.resolve(request.envelope.input);
      },
      onControl: () => undefined,
      onClosed: (_link, reason) => closed.push(reason),
    },
  });
  stream.write(bytes);
  stream.deliver(1 + randomBelow(RNG, 200_000));
  stream.deliver();
  link.destroy('enough');
  return { closed: closed.filter((reason) => reason !== 'enough'), requests };
}

const SELF = { incarnation: 'me', name: 'me', role: 'silo' } as const;

function change(rng: SeededRng, given: Buffer): Buffer {
  const bytes = Buffer.from(given);
  // Mostly small places: heads, not payloads.
  for (let count = randomBelow(rng, 4); count >= 0; count -= 1) {
    const within = rng.next() < 0.8 ? Math.min(bytes.length, 90) : bytes.length;
    if (within > 0) bytes[randomBelow(rng, within)] = randomBelow(rng, 256);
  }
  const cut = rng.next();
  if (cut < 0.1) return bytes.subarray(0, randomBelow(rng, bytes.length + 1));
  if (cut < 0.2) return Buffer.concat([bytes, bytes.subarray(0, randomBelow(rng, bytes.length + 1))]);
  return bytes;
}
