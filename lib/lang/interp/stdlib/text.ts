// Methods of text. Lengths and indexes count UTF-16 code units, as JSON strings do everywhere else in the system.
import { boundText, LIST_MAX, TEXT_MAX, tooLong } from '../values.ts';
import { floatFromText, intFromText } from './convert.ts';
import { matchesGlob } from './glob.ts';
import { count, optionalText, optionalWhole, type StdContext, type StdMethods, text, whole } from './std.ts';

/** Characters that one step pays for. */
const PER_STEP = 16;

function pay(context: StdContext, characters: number): void {
  context.charge(Math.floor(characters / PER_STEP));
}

/** Pays for a text that is made. */
function make(context: StdContext, characters: number): void {
  pay(context, characters);
  context.build(characters >> 3);
}

export const STRING_METHODS: StdMethods = {
  length: (_x, self) => text(self).length,
  lower: (x, self) => (make(x, text(self).length), text(self).toLowerCase()),
  upper: (x, self) => (make(x, text(self).length), text(self).toUpperCase()),
  trim: (_x, self) => text(self).trim(),
  trim_start: (_x, self) => text(self).trimStart(),
  trim_end: (_x, self) => text(self).trimEnd(),
  contains: (x, self, sub) => (pay(x, text(self).length), text(self).includes(text(sub))),
  starts_with: (_x, self, prefix) => text(self).startsWith(text(prefix)),
  ends_with: (_x, self, suffix) => text(self).endsWith(text(suffix)),
  replace: (x, self, old, by) => replaceAll(x, text(self), text(old), text(by)),
  // A function, because `$&` and the like mean something in a plain replacement.
  replace_first: (x, self, old, by) => {
    make(x, text(self).length);
    return boundText(text(self).replace(text(old), () => text(by)));
  },
  split: (x, self, separator) => split(x, text(self), text(separator)),
  slice: (_x, self, start, end) => text(self).slice(whole(start), optionalWhole(end, text(self).length)),
  index_of: (x, self, sub) => {
    pay(x, text(self).length);
    const at = text(self).indexOf(text(sub));
    return at < 0 ? null : at;
  },
  pad_start: (x, self, length, fill) => {
    const target = padLength(x, length);
    return text(self).padStart(target, optionalText(fill, ' '));
  },
  pad_end: (x, self, length, fill) => {
    const target = padLength(x, length);
    return text(self).padEnd(target, optionalText(fill, ' '));
  },
  repeat: (x, self, times) => {
    const length = text(self).length * count(times);
    if (length > TEXT_MAX) throw tooLong(`text of ${length} characters`, TEXT_MAX);
    make(x, length);
    return text(self).repeat(count(times));
  },
  matches: (x, self, pattern) => {
    pay(x, text(self).length * (1 + text(pattern).length));
    return matchesGlob(text(self), text(pattern));
  },
  is_empty: (_x, self) => text(self).length === 0,
  to_int: (_x, self) => intFromText(text(self)) ?? null,
  to_float: (_x, self) => floatFromText(text(self)) ?? null,
};

/** The length is worked out before the text is made: what is too long never is. */
function replaceAll(context: StdContext, self: string, old: string, by: string): string {
  pay(context, self.length);
  const pieces = old === '' ? self.length + 1 : self.split(old).length - 1;
  const length = self.length + pieces * (by.length - old.length);
  if (length > TEXT_MAX) throw tooLong(`text of ${length} characters`, TEXT_MAX);
  make(context, length);
  return self.replaceAll(old, () => by);
}

function split(context: StdContext, self: string, separator: string): readonly string[] {
  if (separator === '' && self.length > LIST_MAX) throw tooLong(`a list of ${self.length}`, LIST_MAX);
  pay(context, self.length);
  const parts = self.split(separator);
  context.charge(parts.length >> 3);
  context.build(3 * parts.length + (self.length >> 3));
  return parts;
}

function padLength(context: StdContext, length: Parameters<typeof count>[0]): number {
  const target = count(length);
  if (target > TEXT_MAX) throw tooLong(`text of ${target} characters`, TEXT_MAX);
  make(context, target);
  return target;
}
