// The head of a grain, as a claim reads it: what the activation gets, and what its claim keeps in mind.
import type { RedisReply } from '../../../directory/index.ts';
import type { StoredCommand, StoredMark, StoredMemory, StoredReminder } from '../grain-storage.ts';
import { COMMANDS_KEPT, isCommandKept, isMarkKept } from '../retention.ts';
import type { RedisClaim } from './redis-claim.ts';
import { corrupt, readCommand, readMark, readReminder, readValue, textOf } from './redis-values.ts';

const NO_VALUES: Readonly<Record<string, unknown>> = Object.freeze({});
const CODE = { v: 118, m: 109, c: 99, r: 114, s: 115, x: 120, l: 108, e: 101 } as const;

/** Lists of names are the same for all grains of a Core: one array for all of them. */
const lists = new Map<string, readonly string[]>();
const LISTS_MAX = 10_000;

function shared(names: readonly string[]): readonly string[] {
  const text = names.join('\u0000');
  let list = lists.get(text);
  if (!list) {
    if (lists.size >= LISTS_MAX) lists.clear();
    lists.set(text, (list = names));
  }
  return list;
}

export function bytesAt(reply: readonly RedisReply[], at: number): Uint8Array {
  const item = reply[at];
  if (item instanceof Uint8Array) return item;
  throw corrupt('an answer is not of its shape');
}

class HeadReader {
  schema = 0;
  emitted = 0;
  emissionEpoch = 0;
  isListed = false;
  readonly values: Record<string, unknown> = {};
  readonly names: string[] = [];
  marks: Map<string, StoredMark> | undefined;
  commands: { command: StoredCommand; order: number }[] | undefined;
  reminders: Map<string, StoredReminder> | undefined;
  outdated: string[] | undefined;
  readonly #nowWallMs: number;

  constructor(nowWallMs: number) {
    this.#nowWallMs = nowWallMs;
  }

  field(field: Uint8Array, bytes: Uint8Array): void {
    switch (field[0]) {
      case CODE.v: {
        const name = textOf(field, 1);
        this.names.push(name);
        // As an own property, whatever its name.
        if (name === '__proto__')
          Object.defineProperty(this.values, name, { value: readValue(bytes), enumerable: true });
        else this.values[name] = readValue(bytes);
        return;
      }
      case CODE.m:
        return this.#mark(textOf(field, 1), bytes);
      case CODE.c:
        return this.#command(textOf(field, 1), bytes);
      case CODE.r: {
        const name = textOf(field, 1);
        (this.reminders ??= new Map()).set(name, readReminder(name, bytes));
        return;
      }
      case CODE.s:
        this.schema = Number(textOf(bytes));
        return;
      case CODE.x:
        if (field[1] === CODE.e) this.emissionEpoch = Number(textOf(bytes));
        else this.emitted = Number(textOf(bytes));
        return;
      case CODE.l:
        this.isListed = true;
        return;
      default: // names of collections
    }
  }

  #mark(source: string, bytes: Uint8Array): void {
    const mark = readMark(source, bytes);
    if (isMarkKept(mark, this.#nowWallMs)) (this.marks ??= new Map()).set(source, mark);
    else (this.outdated ??= []).push(`m${source}`);
  }

  #command(id: string, bytes: Uint8Array): void {
    const read = readCommand(id, bytes);
    if (isCommandKept(read.command, this.#nowWallMs)) (this.commands ??= []).push(read);
    else (this.outdated ??= []).push(`c${id}`);
  }
}

/** Decodes `field, value, …` from place `from` of a claim's answer. @throws ERR_STORE_CORRUPT */
export function loadHead(
  claim: RedisClaim,
  reply: readonly RedisReply[],
  from: number,
  nowWallMs: number,
): StoredMemory {
  const head = new HeadReader(nowWallMs);
  for (let at = from; at < reply.length; at += 2) head.field(bytesAt(reply, at), bytesAt(reply, at + 1));
  claim.schema = head.schema;
  claim.isListed = head.isListed;
  if (head.names.length > 0) claim.loadedNames = shared(head.names);
  const commands = head.commands && keepCommands(claim, head, head.commands);
  claim.outdated = head.outdated;
  return {
    schema: head.schema,
    values: head.names.length > 0 ? Object.freeze(head.values) : NO_VALUES,
    marks: head.marks,
    commands,
    reminders: head.reminders,
    emitted: head.emitted,
    emissionEpoch: head.emissionEpoch,
  };
}

function keepCommands(
  claim: RedisClaim,
  head: HeadReader,
  found: { command: StoredCommand; order: number }[],
): ReadonlyMap<string, StoredCommand> {
  found.sort((left, right) => left.order - right.order);
  const dropped = found.splice(0, Math.max(0, found.length - COMMANDS_KEPT));
  for (const { command } of dropped) (head.outdated ??= []).push(`c${command.id}`);
  const orders = new Map<string, number>();
  const commands = new Map<string, StoredCommand>();
  for (const { command, order } of found) {
    orders.set(command.id, order);
    commands.set(command.id, command);
    claim.lastCommand = order;
  }
  claim.commands = orders;
  return commands;
}
