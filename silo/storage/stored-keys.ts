// How names and numbers are spelled in stored keys. Keys are text, compared by their UTF-8 bytes. Names of Cores and
// tenants, keys of grains and names of fields hold no NUL, so a NUL ends them and no two things share a spelling.
import type { GrainId } from '../../lib/index.ts';

const NUL = '\u0000';
/** The first text after all that begin with a NUL. */
const AFTER_NUL = '\u0001';

/** The Core comes first: its grains are listed together. */
export function grainName({ tenant, core, key }: GrainId): string {
  return core + NUL + tenant + NUL + key;
}

export function parseGrainName(name: string): GrainId {
  const coreEnd = name.indexOf(NUL);
  const tenantEnd = name.indexOf(NUL, coreEnd + 1);
  const core = name.slice(0, coreEnd);
  return { tenant: name.slice(coreEnd + 1, tenantEnd), core, key: name.slice(tenantEnd + 1) };
}

/** Something of a grain: a mark, a reminder, the entries of a field. */
export function partOf(name: string, part: string): string {
  return name + NUL + part;
}

/** All parts of a grain, as `start` and `end` of a scan. */
export function partsOf(name: string): readonly [start: string, end: string] {
  return [name + NUL, name + AFTER_NUL];
}

export function entryKey(name: string, field: string, key: string): string {
  return name + NUL + field + NUL + key;
}

/** The entries of a field from `key` on. */
export function entriesFrom(name: string, field: string, key: string): readonly [start: string, end: string] {
  const prefix = name + NUL + field;
  return [prefix + NUL + key, prefix + AFTER_NUL];
}

/** Whole numbers from 0 as text that sorts as they do: the count of digits, as a letter, goes before them. */
export function sortable(number: number): string {
  const digits = String(number);
  return String.fromCharCode(96 + digits.length) + digits;
}

export function parseSortable(text: string): number {
  return Number(text.slice(1));
}

/** After every `sortable`, and after every grain's name: both begin with a letter. */
export const AFTER_NUMBERS = '{';
export const AFTER_NAMES = '{';

export function numberedKey(name: string, number: number): string {
  return name + NUL + sortable(number);
}

export function itemKey(name: string, field: string, position: number): string {
  return name + NUL + field + NUL + sortable(position);
}

/** The first text that is greater than `text`: for going on after it. */
export function textAfter(text: string): string {
  return text + NUL;
}
