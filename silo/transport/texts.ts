// Texts out of bytes. Short ones are made here, because a call of the decoder costs more than the text.

const CACHED_BYTES_MAX = 48;

/** The text of `count` bytes of UTF-8. */
export function textAt(bytes: Buffer, start: number, count: number): string {
  if (count > 12) return bytes.toString('utf8', start, start + count);
  let text = '';
  for (let index = start; index < start + count; index += 1) {
    const unit = bytes[index] ?? 0;
    if (unit >= 0x80) return bytes.toString('utf8', start, start + count);
    text += String.fromCharCode(unit);
  }
  return text;
}

/**
 * Texts that come again and again, such as names of properties and keys of grains: the same bytes give the same string,
 * which is not made anew and knows its hash. Bounded: two texts of one place replace each other.
 */
export class TextCache {
  readonly #texts: (string | undefined)[];

  /** @param size a power of two */
  constructor(size: number) {
    this.#texts = new Array<string | undefined>(size).fill(undefined);
  }

  get(bytes: Buffer, start: number, count: number): string {
    if (count > CACHED_BYTES_MAX) return bytes.toString('utf8', start, start + count);
    let hash = count;
    for (let index = start; index < start + count; index += 1) {
      hash = Math.imul(hash, 31) + (bytes[index] ?? 0);
    }
    const place = (hash ^ (hash >>> 15)) & (this.#texts.length - 1);
    const known = this.#texts[place];
    if (known?.length === count && isEqual(known, bytes, start)) return known;
    const text = bytes.toString('utf8', start, start + count);
    // Only ASCII can be compared byte by byte; every other text is shorter than its bytes.
    if (text.length === count) this.#texts[place] = text;
    return text;
  }
}

function isEqual(text: string, bytes: Buffer, start: number): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) !== bytes[start + index]) return false;
  }
  return true;
}
