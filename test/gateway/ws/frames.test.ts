import assert from 'node:assert/strict';
import { request } from 'node:http';
import { Packr } from 'msgpackr';
import { jsonCodec, msgpackCodec, STREAM_PATH } from '../../../gateway/internal.ts';
import { GrainError } from '../../../lib/index.ts';
import { codeOf, Rig, type RigOptions, type StreamClient } from '../../support/stream-client.ts';

const packr = new Packr({ useRecords: false });
const pack = (value: unknown): Buffer => Buffer.from(packr.pack(value));
const bytes = (...parts: readonly (number | string | Buffer)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'number' ? Buffer.from([part]) : Buffer.from(part as string))),
  );

/** A map of one field, whose value is what follows. */
const field = (name: string, ...value: readonly (number | string | Buffer)[]): Buffer =>
  bytes(0x81, 0xa0 + name.length, name, ...value);

const MALFORMED_JSON: Readonly<Record<string, string>> = {
  nothing: '',
  'half an object': '{"t":"ping"',
  'a word': 'hello',
  'a number': '5',
  null: 'null',
  'an array': '[{"t":"ping"}]',
  'no t': '{}',
  'an unknown t': '{"t":"pingpong"}',
  't is an object': '{"t":{"toString":"x"}}',
  'a __proto__ for t': '{"__proto__":{"t":"ping"}}',
  'deep arrays': '['.repeat(100_000) + ']'.repeat(100_000),
  NaN: '{"t":"call","id":1,"core":"airport","flow":"record","input":NaN}',
  'an event without seq': '{"t":"event","core":"airport","key":"a","event":"flight"}',
  'a seq of 1.5': '{"t":"event","seq":1.5,"core":"airport","key":"a","event":"flight"}',
  'a seq as text': '{"t":"event","seq":"1","core":"airport","key":"a","event":"flight"}',
  'a call without id': '{"t":"call","core":"airport","flow":"record"}',
  'a call without flow': '{"t":"call","id":1,"core":"airport"}',
  'a call with an id that is an object': '{"t":"call","id":{},"core":"airport","flow":"record"}',
  'a call with a deadline of 0': '{"t":"call","id":1,"core":"airport","flow":"record","deadline_ms":0}',
  'a sub without core': '{"t":"sub","id":1,"key":"a"}',
  'a more without n': '{"t":"sub","id":1,"core":"airport","key":"a","n":-1}',
  'auth without token': '{"t":"auth"}',
};

const MALFORMED_MSGPACK: Readonly<Record<string, Buffer>> = {
  nothing: bytes(),
  'a map cut off': bytes(0x82, 0xa1, 't', 0xa4, 'ping'),
  'a string cut off': bytes(0x81, 0xa1, 't', 0xa8, 'ping'),
  'bytes after the value': bytes(pack({ t: 'ping' }), 0),
  'a number': bytes(5),
  'an array': pack([{ t: 'ping' }]),
  'a number as key': bytes(0x81, 5, 5),
  'nil as key': bytes(0x81, 0xc0, 5),
  'bytes as key': bytes(0x81, 0xc4, 1, 'a', 5),
  'an array as key': bytes(0x81, 0x90, 5),
  'the unused byte': field('x', 0xc1),
  'a timestamp': pack({ t: 'ping', x: new Date(0) }),
  'an extension of 1 byte': field('x', 0xd4, 1, 1),
  'an extension of 16 bytes': field('x', 0xd8, 1, Buffer.alloc(16)),
  'an extension 8': field('x', 0xc7, 1, 1, 1),
  'an extension 32': field('x', 0xc9, 0, 0, 0, 1, 1, 1),
  'a record of msgpackr': Buffer.from(new Packr({ useRecords: true }).pack({ t: 'ping' })),
  NaN: pack({ t: 'ping', x: Number.NaN }),
  'Infinity as float 32': field('x', 0xca, 0x7f, 0x80, 0, 0),
  'an integer of 64 bits': field('x', 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  'a negative integer of 64 bits': field('x', 0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0),
  '__proto__ as key': bytes(0x81, 0xa9, '__proto__', pack({ t: 'ping' })),
  '__proto__ as key, str 8': bytes(0x81, 0xd9, 9, '__proto__', 5),
  '__proto__ as key, str 16': bytes(0x81, 0xda, 0, 9, '__proto__', 5),
  '__proto__ as key, str 32': bytes(0x81, 0xdb, 0, 0, 0, 9, '__proto__', 5),
  '__proto__ deep inside': field('x', 0x91, 0x81, 0xa9, '__proto__', 0x80),
  'an array that claims 4 G items': field('x', 0xdd, 0xff, 0xff, 0xff, 0xff),
  'a map that claims 4 G fields': field('x', 0xdf, 0xff, 0xff, 0xff, 0xff),
  'a string that claims 4 GB': field('x', 0xdb, 0xff, 0xff, 0xff, 0xff),
  'deep arrays': field('x', Buffer.alloc(100_000, 0x91), 0x90),
  'deep maps': Buffer.concat([...Array<Buffer>(80).fill(bytes(0x81, 0xa1, 'x')), bytes(0xc0)]),
};

describe('Stream, frames', () => {
  let rig: Rig;
  const start = async (options?: RigOptions): Promise<Rig> => (rig = await Rig.start(options));
  afterEach(() => rig.stop());

  const isRefused = async (client: StreamClient, name: string): Promise<void> => {
    const error = await client.expect('error');
    assert.match(String(codeOf(error)), /^ERR_(FRAME|VALUE)_INVALID$/, name);
    const { message } = error['error'] as { message: string };
    assert.ok(message.length > 10 && message.length < 400, `${name}: ${message}`);
  };

  it('each malformed JSON frame gets an error that names what is wrong, and the connection goes on', async () => {
    await start();
    const [client] = await rig.join();
    for (const [name, text] of Object.entries(MALFORMED_JSON)) {
      client.socket.send(text);
      await isRefused(client, name);
      assert.deepEqual(await client.fence(), [], name); // a good frame: the strikes begin anew
    }
    client.event(1);
    await client.until(1);
    assert.equal(rig.cluster.dispatched.length, 1);
  });

  it('each malformed msgpack frame gets an error that names what is wrong, and the connection goes on', async () => {
    await start();
    const [client] = await rig.join({}, { isBinary: true });
    for (const [name, message] of Object.entries(MALFORMED_MSGPACK)) {
      client.socket.send(message);
      await isRefused(client, name);
      assert.deepEqual(await client.fence(), [], name);
    }
    client.event(1);
    await client.until(1);
  });

  it('three malformed frames in a row end the connection with 4008', async () => {
    await start();
    for (const isBinary of [false, true]) {
      const [client] = await rig.join({}, { isBinary });
      for (let count = 0; count < 3; count += 1) client.socket.send(isBinary ? bytes(0xc1) : '{');
      for (let count = 0; count < 3; count += 1) await isRefused(client, 'malformed');
      assert.equal(await client.closed, 4008);
    }
    const early = await rig.connect();
    for (let count = 0; count < 3; count += 1) early.socket.send('{');
    assert.equal(await early.closed, 4008);
  });

  it('a binary frame on the JSON subprotocol, and text on msgpack, are malformed', async () => {
    await start();
    const [json] = await rig.join();
    json.socket.send(Buffer.from('{"t":"ping"}'));
    await isRefused(json, 'binary on json');
    const [msgpack] = await rig.join({}, { isBinary: true });
    msgpack.socket.send('{"t":"ping"}');
    await isRefused(msgpack, 'text on msgpack');
    await msgpack.fence();
  });

  it('text that is not UTF-8 ends the connection, and only that one', async () => {
    await start();
    const [other] = await rig.join();
    const [client] = await rig.join();
    client.socket.send(Buffer.from([0x22, 0xc3, 0x28, 0x22]), { binary: false });
    assert.equal(await client.closed, 1007);
    await other.fence();
  });

  it('a frame larger than max_frame_bytes closes with 4009, in one piece or in fragments', async () => {
    await start({ limits: { maxFrameBytes: 10_000 } });
    for (const isBinary of [false, true]) {
      const [client] = await rig.join({}, { isBinary });
      client.event(1, 'JFK', 'x'.repeat(9_000));
      await client.until(1);
      client.event(2, 'JFK', 'x'.repeat(10_000));
      assert.equal(await client.closed, 4009);
    }
    const [client] = await rig.join();
    for (let part = 0; part < 20; part += 1) client.socket.send('x'.repeat(1_000), { fin: false });
    assert.equal(await client.closed, 4009);
  });

  it('values with names that pollute prototypes: __proto__ is nacked, others are data', async () => {
    await start();
    const [client] = await rig.join();
    const send = (seq: number, data: string): void =>
      client.socket.send(
        `{"t":"event","seq":${seq},"core":"airport","key":"A","event":"flight","data":${data}}`,
      );
    send(1, '{"__proto__":{"isAdmin":true}}');
    send(2, '{"a":[{"__proto__":null}]}');
    send(3, '{"constructor":{"prototype":{"isAdmin":true}},"toString":1,"hasOwnProperty":0}');
    const frames = await client.until(3);
    const codes = frames.map((frame) => `${frame.t} ${frame['seq']} ${codeOf(frame) ?? ''}`);
    assert.deepEqual(codes, ['nack 1 ERR_VALUE_INVALID', 'nack 2 ERR_VALUE_INVALID', 'ack 3 ']);
    assert.equal(({} as { isAdmin?: boolean }).isAdmin, undefined);
    assert.equal(rig.cluster.dispatched.length, 1);
  });

  it('values nested deeper than the model allows are nacked, at the limit they pass', async () => {
    await start();
    for (const isBinary of [false, true]) {
      const [client] = await rig.join({}, { isBinary });
      const nested = (depth: number): unknown => {
        let value: unknown = 1;
        for (let level = 0; level < depth; level += 1) value = [value];
        return value;
      };
      client.event(1, 'JFK', nested(65));
      assert.deepEqual(
        (await client.until(1)).map(({ t }) => t),
        ['ack'],
      );
      client.event(2, 'JFK', nested(66));
      const frame = await client.next();
      // In msgpack the depth is refused before anything is decoded, so the frame has no seq to be nacked at.
      assert.equal(frame.t, isBinary ? 'error' : 'nack');
    }
  });

  it('bytes: msgpack carries them as they are, JSON as base64, and either reads what the other wrote', async () => {
    await start();
    const payload = Buffer.from([0, 1, 2, 250, 255]);
    rig.cluster.handler = ({ input }) => ({ got: input });
    const [msgpack] = await rig.join({}, { isBinary: true });
    msgpack.send({ t: 'call', id: 1, core: 'airport', key: 'a', flow: 'record', input: { b: payload } });
    const result = await msgpack.expect('result');
    assert.deepEqual(Buffer.from((result['output'] as { got: { b: Buffer } }).got.b), payload);
    const [json] = await rig.join();
    const input = { b: { $bytes: payload.toString('base64') } };
    json.send({ t: 'call', id: 1, core: 'airport', key: 'a', flow: 'record', input });
    assert.deepEqual((await json.expect('result'))['output'], { got: input });
    const inputs = rig.cluster.dispatched.map((envelope) => (envelope.input as { b: Uint8Array }).b);
    assert.deepEqual(
      inputs.map((item) => [...item]),
      [[...payload], [...payload]],
    );
    for (const item of inputs) assert.ok(item.buffer.byteLength < 10_000, 'holds on to the chunk it came in');
  });

  it('a subprotocol that is missing or unknown is 400 at the upgrade; the first that is known is taken', async () => {
    await start();
    for (const protocols of [[], ['granary.v2+json'], ['mqtt', 'soap']]) {
      await assert.rejects(rig.connect({ protocols }), /Unexpected server response: 400/);
    }
    const client = await rig.connect({ protocols: ['mqtt', 'granary.v1+msgpack', 'granary.v1+json'] });
    assert.equal(client.socket.protocol, 'granary.v1+msgpack');
  });

  it('a refused upgrade says why in the body, as HTTP answers do', async () => {
    await start();
    const { status, body } = await upgrade(rig.port, {});
    assert.equal(status, 400);
    assert.equal((JSON.parse(body) as { error: { code: string } }).error.code, 'ERR_FRAME_INVALID');
    const bad = await upgrade(rig.port, {
      'sec-websocket-protocol': 'granary.v1+json',
      'sec-websocket-key': 'x',
    });
    assert.equal(bad.status, 400);
  });

  it('connections beyond the bound are refused with 429', async () => {
    await start({ limits: { connectionsMax: 2 } });
    await rig.join();
    const [second] = await rig.join();
    await assert.rejects(rig.connect(), /Unexpected server response: 429/);
    second.socket.close();
    await second.closed;
    await rig.join();
  });
});

function upgrade(port: number, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const upgradeHeaders = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
    const key = { 'sec-websocket-key': Buffer.alloc(16).toString('base64') };
    const sent = request({ port, path: STREAM_PATH, headers: { ...upgradeHeaders, ...key, ...headers } });
    sent.on('error', reject).on('response', (response) => {
      let body = '';
      response.on('data', (chunk) => (body += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    sent.end();
  });
}

describe('Frame codecs', () => {
  it('random bytes are decoded to plain data or refused with a coded error, never anything else', () => {
    let state = 99;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    const seeds = [
      pack({ t: 'event', seq: 5, data: [1, 'a', { b: null }] }),
      pack({ a: { b: [1.5, true] } }),
    ];
    for (let round = 0; round < 5_000; round += 1) {
      const seed = seeds[round % seeds.length] ?? bytes();
      const message = Buffer.from(seed);
      for (let change = 0; change <= random(4); change += 1) message[random(message.length)] = random(256);
      const cut = message.subarray(0, random(8) === 0 ? random(message.length) : message.length);
      for (const codec of [msgpackCodec, jsonCodec]) {
        try {
          const frame = codec.decode(cut);
          assert.equal(Object.getPrototypeOf(frame), Object.prototype);
          codec.payload(frame);
        } catch (error) {
          assert.ok(error instanceof GrainError, `${cut.toString('hex')}: ${String(error)}`);
        }
      }
    }
  });
});
