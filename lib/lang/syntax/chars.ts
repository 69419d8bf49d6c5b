// Classes of characters, by code.

export const CLASS = { Other: 0, Space: 1, Line: 2, Lower: 3, Upper: 4, Digit: 5 } as const;

/** Of the first 128 codes; `_` is lower case, as names may begin with it. */
export const CLASSES: Uint8Array = new Uint8Array(128);
for (const code of [0x20, 0x09, 0x0b, 0x0c, 0x0d]) CLASSES[code] = CLASS.Space;
CLASSES[0x0a] = CLASS.Line;
CLASSES.fill(CLASS.Lower, 0x61, 0x7b);
CLASSES[0x5f] = CLASS.Lower;
CLASSES.fill(CLASS.Upper, 0x41, 0x5b);
CLASSES.fill(CLASS.Digit, 0x30, 0x3a);

/** NaN, behind the end of the text, is no part of a word. */
export const isWordCode = (code: number): boolean => code < 128 && (CLASSES[code] ?? 0) >= CLASS.Lower;
export const isDigitCode = (code: number): boolean => code >= 0x30 && code <= 0x39;
export const isWordStartCode = (code: number): boolean => isWordCode(code) && !isDigitCode(code);

/** Letters, digits and `-._~/%+@`, which addresses are made of. */
export const isPathCode = (code: number): boolean =>
  isWordCode(code) ||
  (code >= 0x2d && code <= 0x2f) ||
  code === 0x7e ||
  code === 0x25 ||
  code === 0x2b ||
  code === 0x40;

/** Behind these, `:` belongs to a type or a field: `name:string`; elsewhere `:name` is a symbol. */
export const endsOperand = (code: number): boolean =>
  isWordCode(code) || code === 0x29 || code === 0x5d || code === 0x7d || code === 0x22 || code === 0x3f;

/** The end of the word that `start` stands in. */
export function wordEnd(text: string, start: number): number {
  let at = start;
  while (isWordCode(text.charCodeAt(at))) at += 1;
  return at;
}
