// How frames are spelt: JSON text, or msgpack bytes of the same objects.
//   F1. Whatever `decode` returns is plain data of a bounded depth; nothing in it has a prototype that it brought.
//   F2. `payload` turns a part of a decoded frame into a value of the data model (lib/protocol), or throws.
import { Packr, Unpackr } from 'msgpackr';
import {
  checkValue,
  type ErrorReport,
  fromParsedJson,
  GrainError,
  toJson,
  toReport,
} from '../../lib/index.ts';
import { type FrameId, type ServerFrame, SUBPROTOCOL_JSON, SUBPROTOCOL_MSGPACK } from '../protocol.ts';
import { scanMsgpack } from './msgpack-scan.ts';

/** A frame as it came: fields are looked at one by one. */
export type RawFrame = Readonly<Record<string, unknown>>;

/** What goes into one WebSocket message: text, or bytes. */
export type Wire = string | Uint8Array;

export interface FrameCodec {
  readonly subprotocol: string;
  readonly isBinary: boolean;
  /** @throws ERR_FRAME_INVALID */
  decode(message: Buffer): RawFrame;
  /** Checks `data` or `input` of a decoded frame and gives it its bytes. @throws ERR_VALUE_INVALID */
  payload(part: unknown): unknown;
  /** A frame without values of grains in it. */
  encode(frame: ServerFrame): Wire;
  readonly ping: Wire;
  readonly pong: Wire;
  ack(seq: number): Wire;
  result(id: FrameId, output: unknown): Wire;
  push(id: FrameId, emission: PushContent): Wire;
}

export interface PushContent {
  readonly n: number;
  readonly prev: number;
  readonly cursor: string;
  readonly event: string;
  readonly data: unknown;
}

function frameOf(decoded: unknown): RawFrame {
  if (typeof decoded === 'object' && decoded !== null && !Array.isArray(decoded)) return decoded as RawFrame;
  throw new GrainError('ERR_FRAME_INVALID', { message: 'a frame is an object with the field t' });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // V8 names the place, and quotes at most a few characters around it.
    const message = error instanceof Error ? error.message.slice(0, 200) : 'not JSON';
    throw new GrainError('ERR_FRAME_INVALID', { message: `not JSON: ${message}` });
  }
}

// A grain's emission goes to many sockets in a row: its text is made once. Emissions are frozen, so it stays true.
let pushedData: object | undefined;
let pushedText = '';

function textOfPushed(data: unknown): string {
  if (typeof data !== 'object' || data === null) return toJson(data);
  if (data !== pushedData) {
    pushedText = toJson(data);
    pushedData = data;
  }
  return pushedText;
}

export const jsonCodec: FrameCodec = {
  subprotocol: SUBPROTOCOL_JSON,
  isBinary: false,
  decode: (message) => frameOf(parse(message.toString())),
  payload: fromParsedJson,
  encode: (frame) => JSON.stringify(frame),
  ping: '{"t":"ping"}',
  pong: '{"t":"pong"}',
  ack: (seq) => `{"t":"ack","seq":${seq}}`,
  result: (id, output) => `{"t":"result","id":${JSON.stringify(id)},"output":${toJson(output)}}`,
  push: (id, { n, prev, cursor, event, data }) =>
    `{"t":"push","id":${JSON.stringify(id)},"n":${n},"prev":${prev},"cursor":${JSON.stringify(cursor)},` +
    `"event":${JSON.stringify(event)},"data":${textOfPushed(data)}}`,
};

// `copyBuffers`: bytes that stay in memory must not hold on to the whole chunk that was read from the socket.
const unpackr = new Unpackr({
  useRecords: false,
  mapsAsObjects: true,
  int64AsType: 'number',
  copyBuffers: true,
});
const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, variableMapSize: true });

function unpack(message: Buffer): unknown {
  scanMsgpack(message);
  try {
    return unpackr.unpack(message);
  } catch (error) {
    const said = error instanceof Error ? error.message.slice(0, 200) : 'not msgpack';
    throw new GrainError('ERR_FRAME_INVALID', { message: `not msgpack: ${said}` });
  }
}

export const msgpackCodec: FrameCodec = {
  subprotocol: SUBPROTOCOL_MSGPACK,
  isBinary: true,
  decode: (message) => frameOf(unpack(message)),
  payload: checkValue,
  encode: (frame) => packr.pack(frame),
  ping: packr.pack({ t: 'ping' }),
  pong: packr.pack({ t: 'pong' }),
  ack: (seq) => packr.pack({ t: 'ack', seq }),
  result: (id, output) => packr.pack({ t: 'result', id, output: output ?? null }),
  push: (id, { n, prev, cursor, event, data }) =>
    packr.pack({ t: 'push', id, n, prev, cursor, event, data: data ?? null }),
};

/** The first of the offered subprotocols that we speak. */
export function codecFor(offered: Iterable<string>): FrameCodec | undefined {
  for (const name of offered) {
    if (name === SUBPROTOCOL_JSON) return jsonCodec;
    if (name === SUBPROTOCOL_MSGPACK) return msgpackCodec;
  }
  return undefined;
}

/** What the client is told of an error. Details that no encoding has (whoever threw it put them there) stay behind. */
export function reportOf(error: GrainError): ErrorReport {
  const report = toReport(error);
  if (report.details === undefined) return report;
  try {
    checkValue(report.details);
    return report;
  } catch {
    const { details: _details, ...rest } = report;
    return rest;
  }
}
