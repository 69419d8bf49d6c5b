// Walks the bytes of one msgpack value before anything is decoded, without recursion and without allocating, and
// refuses what the protocol does not have (hazards.md 23). After it, the decoder cannot be made to overflow its
// stack, to allocate for elements that are not there, or to build something that is not the JSON data model.
import { DEPTH_MAX, GrainError } from '../../lib/index.ts';

/** Containers in one another: the frame, the value in it at level 0 of the data model, and its deepest level. */
const FRAME_DEPTH_MAX = DEPTH_MAX + 2;

const PROTO = [0x5f, 0x5f, 0x70, 0x72, 0x6f, 0x74, 0x6f, 0x5f, 0x5f]; // __proto__

/** Items that are left per open level, and whether the next one of a map is its key. */
const leftAt = new Float64Array(FRAME_DEPTH_MAX + 2);
const isMapAt = new Uint8Array(FRAME_DEPTH_MAX + 2);

function invalid(at: number, problem: string): GrainError {
  return new GrainError('ERR_FRAME_INVALID', { message: `msgpack: ${problem}, at byte ${at}`, at });
}

/** @throws ERR_FRAME_INVALID, which names the first byte that is wrong */
export function scanMsgpack(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let depth = 0;
  leftAt[0] = 1;
  isMapAt[0] = 0;
  while (depth >= 0) {
    const left = leftAt[depth] ?? 0;
    if (left === 0) {
      depth -= 1;
      continue;
    }
    leftAt[depth] = left - 1;
    const isKey = isMapAt[depth] === 1 && (left & 1) === 0;
    const found = isKey ? scanKey(bytes, view, at) : scanItem(bytes, view, at);
    const count = found[0];
    const next = found[2];
    if (count >= 0) {
      // Every item takes a byte at least, so a count above the bytes that are left is a lie.
      if (count > bytes.length - next) throw invalid(at, 'more items are announced than there are bytes');
      depth += 1;
      if (depth > FRAME_DEPTH_MAX) throw invalid(at, `nested deeper than ${DEPTH_MAX} levels`);
      leftAt[depth] = count;
      isMapAt[depth] = found[1] ? 1 : 0;
    }
    at = next;
    if (at > bytes.length) throw invalid(bytes.length, 'the value is cut off');
  }
  if (at !== bytes.length) throw invalid(at, 'bytes follow the value');
}

// One array for all answers of `scanItem`: [items inside or -1, whether they are of a map, where the next one begins].
const answer: [number, boolean, number] = [-1, false, 0];

function leaf(next: number): [number, boolean, number] {
  answer[0] = -1;
  answer[2] = next;
  return answer;
}

function container(count: number, isMap: boolean, next: number): [number, boolean, number] {
  answer[0] = count;
  answer[1] = isMap;
  answer[2] = next;
  return answer;
}

function scanKey(bytes: Uint8Array, view: DataView, at: number): [number, boolean, number] {
  const token = byteAt(bytes, at);
  const isText = (token >= 0xa0 && token <= 0xbf) || (token >= 0xd9 && token <= 0xdb);
  if (!isText) throw invalid(at, 'a map key is not a string');
  const found = scanItem(bytes, view, at);
  const end = found[2];
  const start = end - PROTO.length;
  if (
    end <= bytes.length &&
    start === textStart(token, at) &&
    PROTO.every((unit, i) => bytes[start + i] === unit)
  ) {
    throw invalid(at, 'the reserved property __proto__');
  }
  return found;
}

function textStart(token: number, at: number): number {
  if (token <= 0xbf) return at + 1;
  return at + 2 + (token - 0xd9) + (token === 0xdb ? 1 : 0);
}

function byteAt(bytes: Uint8Array, at: number): number {
  const token = bytes[at];
  if (token === undefined) throw invalid(at, 'the value is cut off');
  return token;
}

function need(bytes: Uint8Array, at: number, count: number): void {
  if (at + count > bytes.length) throw invalid(bytes.length, 'the value is cut off');
}

function scanItem(bytes: Uint8Array, view: DataView, at: number): [number, boolean, number] {
  const token = byteAt(bytes, at);
  if (token < 0x80 || token >= 0xe0) return leaf(at + 1); // small integers
  if (token < 0x90) return container((token & 15) * 2, true, at + 1);
  if (token < 0xa0) return container(token & 15, false, at + 1);
  if (token < 0xc0) return leaf(at + 1 + (token & 31));
  if (token >= 0xc7 && token <= 0xc9) throw invalid(at, 'an extension (send JSON values and bytes)');
  if (token >= 0xd4 && token <= 0xd8) throw invalid(at, 'an extension (send JSON values and bytes)');
  return scanLong(bytes, view, at, token);
}

function scanLong(bytes: Uint8Array, view: DataView, at: number, token: number): [number, boolean, number] {
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return leaf(at + 1);
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return leaf(at + 2);
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return leaf(at + 3);
    case 0xce: // uint 32
    case 0xd2: // int 32
      return leaf(at + 5);
    case 0xca: // float 32
      need(bytes, at, 5);
      return finite(view.getFloat32(at + 1), at, at + 5);
    case 0xcb: // float 64
      need(bytes, at, 9);
      return finite(view.getFloat64(at + 1), at, at + 9);
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return scanInt64(bytes, view, at, token === 0xd3);
    case 0xc4: // bin 8
    case 0xd9: // str 8
      need(bytes, at, 2);
      return leaf(at + 2 + view.getUint8(at + 1));
    case 0xc5: // bin 16
    case 0xda: // str 16
      need(bytes, at, 3);
      return leaf(at + 3 + view.getUint16(at + 1));
    case 0xc6: // bin 32
    case 0xdb: // str 32
      need(bytes, at, 5);
      return leaf(at + 5 + view.getUint32(at + 1));
    case 0xdc: // array 16
    case 0xde: // map 16
      need(bytes, at, 3);
      return container(view.getUint16(at + 1) * (token === 0xde ? 2 : 1), token === 0xde, at + 3);
    case 0xdd: // array 32
    case 0xdf: // map 32
      need(bytes, at, 5);
      return container(view.getUint32(at + 1) * (token === 0xdf ? 2 : 1), token === 0xdf, at + 5);
    default:
      throw invalid(at, `the byte 0x${token.toString(16)}, which msgpack does not use`);
  }
}

function finite(value: number, at: number, next: number): [number, boolean, number] {
  if (!Number.isFinite(value)) throw invalid(at, `${value}, which JSON does not have`);
  return leaf(next);
}

/** Integers that a double cannot hold would be changed silently. */
function scanInt64(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  isSigned: boolean,
): [number, boolean, number] {
  need(bytes, at, 9);
  const high = isSigned ? view.getInt32(at + 1) : view.getUint32(at + 1);
  const value = high * 2 ** 32 + view.getUint32(at + 5);
  if (!Number.isSafeInteger(value)) throw invalid(at, 'an integer beyond 2^53 - 1 (send it as a string)');
  return leaf(at + 9);
}
