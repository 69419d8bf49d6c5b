// Requests and their answers as bodies of frames.
//   C1. Whatever comes, reading it gives a request or answer whose fields have their types and bounds, or throws.
//   C2. Inputs and results stay packed: they are copied, not read, unless they begin here.
import { type ErrorCode, GrainError, isErrorCode, isKey, isName } from '../../lib/index.ts';
import type { CallChain, Envelope, EnvelopeKind, MessageMark, ReminderTick } from '../messaging/envelope.ts';
import type { ByteWriter } from './byte-writer.ts';
import { broken } from './frames.ts';
import type { Routing } from './link-messages.ts';
import { NameList, NameNumbers, NAMES_MAX, SPELT } from './name-table.ts';
import { packInto, unpackFrom } from './packed-values.ts';
import { FieldReader, writeByte, writeDouble, writeText } from './wire-text.ts';

// Flags of requests.
const TO_OWNER = 1;
export const HAS_PAYLOAD = 2;
const HAS_COMMAND = 4;
const HAS_MARK = 8;
const HAS_TICK = 16;
const HAS_CHAIN = 32;
const HAS_KEY = 64;
// Flags of answers; they have HAS_PAYLOAD, too.
const HAS_HOST = 1;

/** In place of the remaining time: there is no deadline. */
const NO_DEADLINE = 0xffffffff;
const FIXED_BYTES = 28;
/** Names may be spelt out by every message, principals are often all different: those get less room. */
const PRINCIPALS_MAX = 512;
const FLOW_CHARS_MAX = 512;
const CHAIN_MAX = 80;
const DETAILS_BYTES_MAX = 16 * 1024;
const MESSAGE_CHARS_MAX = 2_000;

const KINDS: readonly EnvelopeKind[] = ['call', 'event', 'bus', 'timer', 'reminder', 'forget'];

const fields = new FieldReader();

// ---- Requests ----

export class MessageWriter {
  readonly #names = new NameNumbers(NAMES_MAX);
  readonly #principals = new NameNumbers(PRINCIPALS_MAX);
  #namesBefore = 0;
  #principalsBefore = 0;

  flagsOf(envelope: Envelope, routing: Routing, payload: Uint8Array | undefined): number {
    return (
      (routing.toOwner ? TO_OWNER : 0) |
      (payload !== undefined || envelope.input !== undefined ? HAS_PAYLOAD : 0) |
      (envelope.commandId === undefined ? 0 : HAS_COMMAND) |
      (envelope.mark ? HAS_MARK : 0) |
      (envelope.tick ? HAS_TICK : 0) |
      (envelope.chain ? HAS_CHAIN : 0) |
      (envelope.key === undefined ? 0 : HAS_KEY)
    );
  }

  /** Everything before the input. `mayName`: the frame leaves in its turn, so that it may add names to the tables. */
  head(
    writer: ByteWriter,
    envelope: Envelope,
    routing: Routing,
    correlation: number,
    nowMs: number,
    mayName: boolean,
  ): void {
    this.#namesBefore = this.#names.size;
    this.#principalsBefore = this.#principals.size;
    writer.ensure(FIXED_BYTES);
    const start = writer.at;
    const { bytes } = writer;
    bytes.writeUInt32LE(correlation, start);
    bytes.writeUInt32LE(remainingMs(envelope.deadlineMs, nowMs), start + 4);
    bytes.writeDoubleLE(routing.view, start + 8);
    bytes[start + 16] = Math.max(0, Math.min(255, routing.hops));
    bytes[start + 17] = KINDS.indexOf(envelope.kind);
    writer.at = start + 18;
    this.#name(writer, this.#names, envelope.tenant, mayName);
    this.#name(writer, this.#names, envelope.core, mayName);
    this.#name(writer, this.#names, envelope.flow, mayName);
    // A grain calls in its own name, of which there are as many as grains.
    this.#name(
      writer,
      this.#principals,
      envelope.principal,
      mayName && !envelope.principal.startsWith('core:'),
    );
    if (envelope.key !== undefined) writeText(writer, envelope.key);
    if (envelope.commandId !== undefined) writeText(writer, envelope.commandId);
    if (envelope.mark) writeMark(writer, envelope.mark);
    if (envelope.tick) writeTick(writer, envelope.tick);
    if (envelope.chain) writeChain(writer, envelope.chain);
  }

  /** The frame of the last head is not sent. */
  takeBack(): void {
    this.#names.shrink(this.#namesBefore);
    this.#principals.shrink(this.#principalsBefore);
  }

  #name(writer: ByteWriter, numbers: NameNumbers, name: string, mayName: boolean): void {
    const before = numbers.size;
    const number = numbers.numberOf(name, mayName);
    writer.ensure(2);
    writer.bytes[writer.at] = number;
    writer.bytes[writer.at + 1] = number >>> 8;
    writer.at += 2;
    if (number === SPELT || number === before) writeText(writer, name);
  }
}

function remainingMs(deadlineMs: number, nowMs: number): number {
  if (deadlineMs === Infinity) return NO_DEADLINE;
  return Math.max(0, Math.min(NO_DEADLINE - 1, Math.floor(deadlineMs - nowMs)));
}

function writeMark(writer: ByteWriter, mark: MessageMark): void {
  writeText(writer, mark.source);
  writeDouble(writer, mark.attach);
  writeDouble(writer, mark.seq);
  writeDouble(writer, mark.prev);
  writeByte(writer, mark.refusal ? 1 : 0);
  if (!mark.refusal) return;
  writeText(writer, mark.refusal.code);
  writeText(writer, mark.refusal.message.slice(0, MESSAGE_CHARS_MAX));
}

function writeTick(writer: ByteWriter, tick: ReminderTick): void {
  writeText(writer, tick.name);
  writeDouble(writer, tick.dueMs);
  writeByte(writer, tick.giveUp ? 1 : 0);
}

function writeChain(writer: ByteWriter, chain: CallChain): void {
  let count = 0;
  for (let link: CallChain | undefined = chain; link && count < CHAIN_MAX; link = link.parent) count += 1;
  writeByte(writer, count);
  let left = count;
  for (let link: CallChain | undefined = chain; link && left > 0; link = link.parent) {
    writeText(writer, link.grain);
    writeText(writer, link.activation);
    writeText(writer, link.core);
    writer.ensure(2);
    writer.bytes.writeUInt16LE(Math.min(link.depth, 0xffff), writer.at);
    writer.at += 2;
    left -= 1;
  }
}

/** What stands before the input of a request; the same object is filled each time. */
export class RequestHead {
  correlation = 0;
  /** Undefined: none. */
  remainingMs: number | undefined = undefined;
  hops = 0;
  toOwner = false;
  view = 0;
  kind: EnvelopeKind = 'call';
  tenant = '';
  core = '';
  flow = '';
  principal = '';
  key: string | undefined = undefined;
  commandId: string | undefined = undefined;
  mark: MessageMark | undefined = undefined;
  tick: ReminderTick | undefined = undefined;
  chain: CallChain | undefined = undefined;
  /** Where the input begins; undefined: there is none. */
  payloadAt: number | undefined = undefined;
}

export class MessageReader {
  readonly #names = new NameList(NAMES_MAX);
  readonly #principals = new NameList(PRINCIPALS_MAX);
  readonly #head = new RequestHead();

  /** Valid until the next call. @throws ERR_LINK_INVALID */
  head(flags: number, bytes: Buffer, start: number, end: number): RequestHead {
    const head = this.#head;
    fields.open(bytes, start, end);
    head.correlation = fields.word();
    const remaining = fields.word();
    head.remainingMs = remaining === NO_DEADLINE ? undefined : remaining;
    head.view = fields.count();
    head.hops = fields.byte();
    head.toOwner = (flags & TO_OWNER) !== 0;
    const kind = KINDS[fields.byte()];
    if (!kind) throw broken('a message of an unknown kind');
    head.kind = kind;
    head.tenant = this.#name(this.#names, isName);
    head.core = this.#name(this.#names, isName);
    head.flow = this.#name(this.#names, isFlow);
    head.principal = this.#name(this.#principals, isAny);
    head.key = (flags & HAS_KEY) === 0 ? undefined : readKey();
    head.commandId = (flags & HAS_COMMAND) === 0 ? undefined : fields.text();
    head.mark = (flags & HAS_MARK) === 0 ? undefined : readMark();
    head.tick = (flags & HAS_TICK) === 0 ? undefined : readTick();
    head.chain = (flags & HAS_CHAIN) === 0 ? undefined : readChain();
    head.payloadAt = (flags & HAS_PAYLOAD) === 0 ? undefined : fields.at;
    if (head.payloadAt === undefined && fields.at !== end) throw broken('bytes follow a message');
    return head;
  }

  #name(list: NameList, isRight: (name: string) => boolean): string {
    const number = fields.short();
    if (number < list.size) return list.at(number);
    if (number !== SPELT && number !== list.size) throw broken('a name that was never told');
    const name = fields.text();
    if (number !== SPELT) list.add(name);
    if (isRight(name)) return name;
    throw broken(`a message to something of the name ${JSON.stringify(name.slice(0, 80))}`);
  }
}

const isAny = (): boolean => true;
const isFlow = (name: string): boolean => name.length <= FLOW_CHARS_MAX;

/** The last keys that were seen to be right. */
const SAFE_KEY = /^[\x21-\x7e]{1,128}$/;

function readKey(): string {
  const key = fields.knownText(fields.short());
  if (key === '' || SAFE_KEY.test(key) || isKey(key)) return key;
  throw broken('a key that is none');
}

function readMark(): MessageMark {
  const source = fields.text();
  const attach = fields.number();
  const seq = fields.count();
  const prev = fields.count();
  if (fields.byte() === 0) return { source, attach, seq, prev };
  const code = fields.text();
  const message = fields.text();
  return { source, attach, seq, prev, refusal: { code: knownCode(code), message } };
}

function knownCode(code: string): ErrorCode {
  return isErrorCode(code) ? code : 'ERR_INTERNAL';
}

function readTick(): ReminderTick {
  const name = fields.text();
  const dueMs = fields.number();
  return fields.byte() === 0 ? { name, dueMs } : { name, dueMs, giveUp: true };
}

function readChain(): CallChain | undefined {
  const count = fields.byte();
  if (count === 0 || count > CHAIN_MAX) throw broken(`a chain of ${count} calls`);
  const links: Omit<CallChain, 'parent'>[] = [];
  for (let index = 0; index < count; index += 1) {
    links.push({
      grain: fields.text(),
      activation: fields.text(),
      core: fields.text(),
      depth: fields.short(),
    });
  }
  let chain: CallChain | undefined;
  for (let link = links.pop(); link; link = links.pop()) chain = { ...link, parent: chain };
  return chain;
}

// ---- Answers ----

export function answerFlags(host: string | undefined, hasPayload: boolean): number {
  return (host === undefined ? 0 : HAS_HOST) | (hasPayload ? HAS_PAYLOAD : 0);
}

/** Everything before the result. */
export function writeAnswer(writer: ByteWriter, correlation: number, host: string | undefined): void {
  writer.ensure(4);
  writer.bytes.writeUInt32LE(correlation, writer.at);
  writer.at += 4;
  if (host !== undefined) writeText(writer, host);
}

export class AnswerHead {
  correlation = 0;
  host: string | undefined = undefined;
  /** Where the result or the error begins; undefined: there is none. */
  payloadAt: number | undefined = undefined;
}

const answer = new AnswerHead();

/** Valid until the next call. @throws ERR_LINK_INVALID */
export function readAnswer(flags: number, bytes: Buffer, start: number, end: number): AnswerHead {
  fields.open(bytes, start, end);
  answer.correlation = fields.word();
  answer.host = (flags & HAS_HOST) === 0 ? undefined : fields.knownText(fields.short());
  answer.payloadAt = (flags & HAS_PAYLOAD) === 0 ? undefined : fields.at;
  if (answer.payloadAt === undefined && fields.at !== end) throw broken('bytes follow an answer');
  return answer;
}

/** The error's code and details. Its cause stays here, in the log. */
export function writeError(writer: ByteWriter, error: GrainError): void {
  writeText(writer, error.code);
  // From the beginning of the frame: the frame may move to another slab.
  const offset = writer.at - writer.frameStart;
  const message = error.message.slice(0, MESSAGE_CHARS_MAX);
  try {
    packInto(writer, { ...error.details, message });
    if (writer.at - writer.frameStart - offset <= DETAILS_BYTES_MAX) return;
  } catch {
    // Details that are no values: the message has to do.
  }
  writer.at = writer.frameStart + offset;
  packInto(
    writer,
    error.retryAfterMs === undefined ? { message } : { message, retryAfterMs: error.retryAfterMs },
  );
}

/** @throws ERR_LINK_INVALID, ERR_VALUE_INVALID */
export function readError(bytes: Buffer, start: number, end: number): GrainError {
  fields.open(bytes, start, end);
  const code = fields.text();
  const details = unpackFrom(bytes, fields.at, end);
  if (typeof details !== 'object' || details === null || Array.isArray(details))
    throw broken('an error without details');
  const given = details as Readonly<Record<string, unknown>>;
  if (isErrorCode(code)) return new GrainError(code, given);
  // A newer silo has codes that we do not know.
  return new GrainError('ERR_INTERNAL', { message: `${code}: ${String(given['message'])}`, code });
}
