// A commit as the keys and arguments of commit.lua.
// On the hot path: one array of arguments per commit, nothing in between. What is left out is what the store already has.
import { GrainError } from '../../../lib/index.ts';
import type { RedisArgument, RedisKeys } from '../../../directory/index.ts';
import type { CollectionChange, GrainCommit } from '../grain-storage.ts';
import { COMMANDS_KEPT } from '../retention.ts';
import type { PartitionTable, RedisClaim } from './redis-claim.ts';
import { spell, spellCommand, spellEmission, spellMark, spellReminder } from './redis-values.ts';

export interface CommitCall {
  readonly keys: readonly string[];
  readonly args: readonly RedisArgument[];
}

/** Place of the first collection's keys among KEYS, counted from 1. */
const COLLECTIONS_AT = 8;
const KEYS_PER_COLLECTION = 3;
/** Place of the count of head fields in the arguments. */
const FIELD_COUNT_AT = 3;

const headNames = new WeakMap<readonly string[], readonly string[]>();

function headNamesOf(fieldNames: readonly string[]): readonly string[] {
  let names = headNames.get(fieldNames);
  if (!names) headNames.set(fieldNames, (names = fieldNames.map((name) => `v${name}`)));
  return names;
}

/** Builds the call. Nothing in the commit can make it fail any more, but what it adds to entries. */
export function commitCall(
  claim: RedisClaim,
  commit: GrainCommit,
  generation: string,
  partitions: PartitionTable,
): CommitCall {
  const args: RedisArgument[] = [generation, claim.fence, commit.number, 0];
  const { changed } = commit;
  const removed = changed.length > 0 && commit.fieldNames !== claim.fieldNames && namesOf(claim, commit);
  if (commit.schema !== claim.schema || commit.forget) {
    args.push('s', commit.schema);
    claim.schema = commit.schema;
  }
  for (let index = 0; index < changed.length; index += 1) {
    const at = changed[index] ?? 0;
    args.push(claim.headNames[at] ?? '', spell(commit.values[at]));
  }
  for (const mark of commit.marks) args.push(`m${mark.source}`, spellMark(mark));
  const outdated = commit.commands.length > 0 ? addCommands(claim, commit, args) : undefined;
  const { emissions, reminders, collections } = commit;
  if (emissions.length > 0) {
    args.push('x', emissions[emissions.length - 1]?.n ?? 0, 'xe', commit.emissionEpoch);
  }
  for (const [name, reminder] of reminders) if (reminder) args.push(`r${name}`, spellReminder(reminder));
  args[FIELD_COUNT_AT] = args.length - FIELD_COUNT_AT - 1;

  if (commit.forget) claim.isListed = false;
  const isContent =
    changed.length + collections.length + emissions.length + commit.commands.length + reminders.length > 0;
  const isPlain =
    emissions.length + collections.length + reminders.length === 0 &&
    !commit.forget &&
    !removed &&
    !outdated &&
    !claim.outdated &&
    (claim.isListed || !isContent);
  if (isPlain) return { keys: claim.keys, args };
  return withInstructions(claim, commit, args, partitions, removed || [], outdated ?? [], isContent);
}

/** Another list of fields than before: takes it over, and answers the names in the head that are not in it. */
function namesOf(claim: RedisClaim, { fieldNames, forget }: GrainCommit): readonly string[] | false {
  const before = new Set([...claim.loadedNames, ...claim.fieldNames]);
  claim.fieldNames = fieldNames;
  claim.headNames = headNamesOf(fieldNames);
  for (const name of fieldNames) before.delete(name);
  return before.size > 0 && !forget && [...before].map((name) => `v${name}`);
}

/** Answers the fields of commands that are too many now. */
function addCommands(
  claim: RedisClaim,
  { commands, forget }: GrainCommit,
  args: RedisArgument[],
): readonly string[] | undefined {
  if (forget || !claim.commands) claim.commands = new Map();
  const orders = claim.commands;
  for (let at = Math.max(0, commands.length - COMMANDS_KEPT); at < commands.length; at += 1) {
    const command = commands[at];
    if (!command) break;
    claim.lastCommand += 1;
    orders.delete(command.id); // a repetition becomes the newest
    orders.set(command.id, claim.lastCommand);
    args.push(`c${command.id}`, spellCommand(command, claim.lastCommand));
  }
  if (orders.size <= COMMANDS_KEPT) return undefined;
  const dropped: string[] = [];
  for (const id of orders.keys()) {
    if (orders.size <= COMMANDS_KEPT) break;
    orders.delete(id);
    dropped.push(`c${id}`);
  }
  return dropped;
}

function withInstructions(
  claim: RedisClaim,
  commit: GrainCommit,
  args: RedisArgument[],
  partitions: PartitionTable,
  removed: readonly string[],
  dropped: readonly string[],
  isContent: boolean,
): CommitCall {
  const { grain, name } = claim;
  const { keys: names } = partitions;
  const of = partitions.of(claim.partition);
  const keys = [...claim.keys, of.grains, of.due, names.emissions(grain), of.outbox, of.outboxTaken];
  if (commit.collections.some(({ op }) => op === 'increment')) args.push('+');
  if (commit.forget) {
    if (commit.commands.length === 0) claim.commands = undefined;
    args.push('F', names.collection(grain, ''), names.mapOrder(grain, ''), name, eraseEntry(name));
  }
  const deleted = [...removed, ...dropped, ...(claim.outdated ?? [])];
  claim.outdated = undefined;
  for (const [reminder, state] of commit.reminders) if (!state) deleted.push(`r${reminder}`);
  if (deleted.length > 0) args.push('x', deleted.length, ...deleted);
  if (isContent && !claim.isListed) {
    args.push('L', name);
    claim.isListed = true;
  }
  if (commit.collections.length > 0) addCollections(commit.collections, keys, args, names, claim);
  if (commit.reminders.length > 0) addReminders(name, commit.reminders, args);
  if (commit.emissions.length > 0) {
    const { emissions, emissionsKept, emissionEpoch } = commit;
    args.push('e', emissionsKept, names.emissionChannel(grain), emissionHeader(name, emissionEpoch));
    args.push(emissions.length);
    for (const emission of emissions) args.push(spellEmission(emission));
  }
  return { keys, args };
}

function addCollections(
  changes: readonly CollectionChange[],
  keys: string[],
  args: RedisArgument[],
  names: RedisKeys,
  { grain }: RedisClaim,
): void {
  const places = new Map<string, number>();
  for (let at = 0; at < changes.length;) {
    const change = changes[at];
    if (!change) break;
    const { field } = change;
    let place = places.get(field);
    if (place === undefined) {
      place = COLLECTIONS_AT + places.size * KEYS_PER_COLLECTION;
      places.set(field, place);
      keys.push(...collectionKeys(names, grain, field));
    }
    at = addRun(changes, at, change, place, args);
  }
}

/** Writes the change at a place, and those behind it that are of its kind and field. Answers where to go on. */
function addRun(
  changes: readonly CollectionChange[],
  from: number,
  change: CollectionChange,
  place: number,
  args: RedisArgument[],
): number {
  const { field } = change;
  let at = from + 1;
  switch (change.op) {
    case 'increment':
      args.push('a', place, field, change.key, change.by);
      return at;
    case 'trim':
      args.push('t', place, Math.max(0, change.count));
      return at;
    case 'clear':
      args.push('c', place);
      return at;
    case 'set':
    case 'push':
      args.push(change.op === 'set' ? 'm' : 'p', place, field, 0);
      break;
    case 'delete':
      args.push('d', place, 0);
  }
  const countAt = args.length - 1;
  let count = 0;
  for (at = from; at < changes.length; at += 1, count += 1) {
    const next = changes[at];
    if (next?.op !== change.op || next.field !== field) break;
    if (next.op === 'set') args.push(next.key, spell(next.value));
    else if (next.op === 'push') args.push(spell(next.value));
    else if (next.op === 'delete') args.push(next.key);
  }
  args[countAt] = count;
  return at;
}

function addReminders(name: string, reminders: GrainCommit['reminders'], args: RedisArgument[]): void {
  const set: RedisArgument[] = [];
  const ended: string[] = [];
  for (const [reminder, state] of reminders) {
    if (state) set.push(state.dueMs, dueMember(name, reminder));
    else ended.push(dueMember(name, reminder));
  }
  if (set.length > 0) args.push('r', set.length / 2, ...set);
  if (ended.length > 0) args.push('R', ended.length, ...ended);
}

/** Map, its order, list: a field may be either, and the keys never meet. */
export function collectionKeys(
  names: RedisKeys,
  grain: RedisClaim['grain'],
  field: string,
): readonly [map: string, order: string, list: string] {
  return [
    names.collection(grain, `m${field}`),
    names.mapOrder(grain, `m${field}`),
    names.collection(grain, `l${field}`),
  ];
}

const NUL = '\u0000';

/** A reminder in the index by due time: the grain's name has two NULs, so the third one ends it. */
export function dueMember(grain: string, reminder: string): string {
  return grain + NUL + reminder;
}

/** What stands before an emission in the outbox, in the log and on its channel. */
export function emissionHeader(grain: string, emissionEpoch: number): string {
  return grain + NUL + String(emissionEpoch) + NUL;
}

/** Tells the log, in the order of the outbox, that everything of a grain before it is erased. */
export function eraseEntry(grain: string): string {
  return `f${grain}${NUL}`;
}

/** Whether the sums can be worked out at all: Lua would stumble over what is no number. */
export function addendProblem({ collections }: GrainCommit): GrainError | undefined {
  for (const change of collections) {
    if (change.op === 'increment' && !Number.isFinite(change.by)) {
      return new GrainError('ERR_VALUE_INVALID', {
        message: `entry ${change.key} of ${change.field}: no sum`,
      });
    }
  }
  return undefined;
}
