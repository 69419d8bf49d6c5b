// What can be stored at all. A commit is looked at whole before anything of it is applied (S1).
import { GrainError, isWellFormed, utf8Length } from '../../lib/index.ts';
import type { CollectionChange, GrainCommit } from './grain-storage.ts';

/** Together with tenant (64), core (64), key (512) and separators these stay below LMDB's 1,978 bytes of a key. */
export const FIELD_BYTES_MAX = 256;
export const ENTRY_KEY_BYTES_MAX = 1_024;
export const SOURCE_BYTES_MAX = 1_024;
export const REMINDER_NAME_BYTES_MAX = 512;
export const RECORD_NAME_BYTES_MAX = 1_900;

/** Why the commit cannot be stored; undefined when it can. Cheap for commits that only change values. */
export function commitProblem(commit: GrainCommit): GrainError | undefined {
  if (!knownNames.has(commit.fieldNames)) {
    const problem = fieldNamesProblem(commit.fieldNames);
    if (problem) return problem;
  }
  for (const change of commit.collections) {
    const problem = changeProblem(change);
    if (problem) return problem;
  }
  for (const { source } of commit.marks) {
    if (isTooLong(source, SOURCE_BYTES_MAX)) return tooLong('source of a mark', SOURCE_BYTES_MAX);
  }
  for (const [name] of commit.reminders) {
    const problem = textProblem('name of a reminder', name, REMINDER_NAME_BYTES_MAX);
    if (problem) return problem;
  }
  return undefined;
}

/** Every commit of a Core brings the same list. */
const knownNames = new WeakSet<readonly string[]>();

function fieldNamesProblem(fieldNames: readonly string[]): GrainError | undefined {
  for (const name of fieldNames) {
    const problem = fieldProblem(name);
    if (problem) return problem;
  }
  knownNames.add(fieldNames);
  return undefined;
}

function changeProblem(change: CollectionChange): GrainError | undefined {
  const problem = fieldProblem(change.field);
  if (problem || change.op === 'push' || change.op === 'trim' || change.op === 'clear') return problem;
  return entryKeyProblem(change.key);
}

/** Field names end at a NUL in stored keys. */
export function fieldProblem(field: string): GrainError | undefined {
  if (field === '') return invalid('name of a field', 'is empty');
  if (field.includes('\u0000')) return invalid('name of a field', 'holds a NUL');
  return textProblem('name of a field', field, FIELD_BYTES_MAX);
}

export function entryKeyProblem(key: string): GrainError | undefined {
  return textProblem('key of a map entry', key, ENTRY_KEY_BYTES_MAX);
}

export function recordNameProblem(name: string): GrainError | undefined {
  if (name === '') return invalid('name of a record', 'is empty');
  return textProblem('name of a record', name, RECORD_NAME_BYTES_MAX);
}

/** Ill-formed text would meet other text in UTF-8: every lone surrogate becomes the same three bytes. */
export function textProblem(what: string, text: string, bytesMax: number): GrainError | undefined {
  if (!isWellFormed(text)) return invalid(what, 'holds half a surrogate pair');
  return isTooLong(text, bytesMax) ? tooLong(what, bytesMax) : undefined;
}

function isTooLong(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && utf8Length(text) > bytesMax;
}

function tooLong(what: string, bytesMax: number): GrainError {
  return invalid(what, `is longer than ${bytesMax} bytes of UTF-8`);
}

function invalid(what: string, problem: string): GrainError {
  return new GrainError('ERR_VALUE_INVALID', { message: `the ${what} ${problem}` });
}

/** A change whose outcome no longer depends on what is stored. */
export type ResolvedChange = Exclude<CollectionChange, { readonly op: 'increment' }>;

/**
 * The changes with every increment turned into the `set` of its sum, `read` telling what was there before the commit.
 * An error when something is no number, or the sum is not finite: then nothing of the commit may be applied.
 */
export function resolveIncrements(
  changes: readonly CollectionChange[],
  read: (field: string, key: string) => unknown,
): readonly ResolvedChange[] | GrainError {
  if (!changes.some(({ op }) => op === 'increment')) return changes as readonly ResolvedChange[];
  const resolved: ResolvedChange[] = [];
  const drafts = new Map<string, EntryDraft>();
  for (const change of changes) {
    if (change.op === 'increment') {
      const draft = drafts.get(change.field);
      const isDrafted = draft !== undefined && (draft.isCleared || draft.entries.has(change.key));
      const before = isDrafted ? draft.entries.get(change.key) : read(change.field, change.key);
      const sum = addTo(before, change.by);
      if (sum === undefined)
        return invalid(`entry ${change.key} of ${change.field}`, 'is no number to add to');
      resolved.push({ op: 'set', field: change.field, key: change.key, value: sum });
      draftOf(drafts, change.field).entries.set(change.key, sum);
    } else {
      resolved.push(change);
      if (change.op === 'set') draftOf(drafts, change.field).entries.set(change.key, change.value);
      else if (change.op === 'delete') draftOf(drafts, change.field).entries.set(change.key, undefined);
      else if (change.op === 'clear') drafts.set(change.field, { isCleared: true, entries: new Map() });
    }
  }
  return resolved;
}

interface EntryDraft {
  readonly isCleared: boolean;
  readonly entries: Map<string, unknown>;
}

function draftOf(drafts: Map<string, EntryDraft>, field: string): EntryDraft {
  let draft = drafts.get(field);
  if (!draft) drafts.set(field, (draft = { isCleared: false, entries: new Map() }));
  return draft;
}

function addTo(current: unknown, by: number): number | undefined {
  if (current !== undefined && typeof current !== 'number') return undefined;
  const sum = (current ?? 0) + by;
  return Number.isFinite(sum) ? sum : undefined;
}
