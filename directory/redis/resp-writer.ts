// RespWriter: commands as Redis reads them (RESP2), gathered until they are taken to the socket together.
// What was taken is never written over: the socket may still read it.
import type { RedisArgument } from './redis-client.ts';

const BLOCK_BYTES = 256 * 1024;
/** No command begins in less than this; shorter ones then need no look at the space left. */
const SPARE_BYTES = 1024;
/** Of `$<length>CRLF` and the CRLF behind an argument. */
const FRAME_BYTES = 24;

export class RespWriter {
  #block = Buffer.allocUnsafe(BLOCK_BYTES);
  #start = 0;
  #end = 0;

  get isEmpty(): boolean {
    return this.#end === this.#start;
  }

  /** Begins a command of `count` words; `word` has to follow as often. */
  begin(count: number): void {
    this.#reserve(SPARE_BYTES);
    this.#header(42, count); // *
  }

  /** What `begin` and some first words come to, made once for commands that are sent often. */
  static prefix(words: readonly string[]): Buffer {
    return Buffer.from(words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join(''));
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#block.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  word(word: RedisArgument): void {
    if (typeof word === 'string') this.#text(word);
    else if (typeof word === 'number') this.#text(String(word));
    else {
      this.#reserve(word.length + FRAME_BYTES);
      this.#header(36, word.length); // $
      this.#block.set(word, this.#end);
      this.#end += word.length;
      this.#crlf();
    }
  }

  /** Everything since the last call. */
  take(): Buffer {
    const taken = this.#block.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return taken;
  }

  #text(text: string): void {
    const length = Buffer.byteLength(text);
    this.#reserve(length + FRAME_BYTES);
    this.#header(36, length); // $
    // One byte per character: the cheaper way writes the same.
    this.#block.write(text, this.#end, length, length === text.length ? 'latin1' : 'utf8');
    this.#end += length;
    this.#crlf();
  }

  #header(sign: number, count: number): void {
    const block = this.#block;
    block[this.#end++] = sign;
    if (count < 10) block[this.#end++] = 48 + count;
    else {
      let scale = 10;
      while (scale * 10 <= count) scale *= 10;
      for (; scale >= 1; scale /= 10) block[this.#end++] = 48 + (Math.floor(count / scale) % 10);
    }
    this.#crlf();
  }

  #crlf(): void {
    this.#block[this.#end++] = 13;
    this.#block[this.#end++] = 10;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#block.length) return;
    const gathered = this.#block.subarray(this.#start, this.#end);
    // Twice what is there: many large words cost no copy each.
    const next = Buffer.allocUnsafe(Math.max(BLOCK_BYTES, 2 * (gathered.length + bytes)));
    next.set(gathered);
    this.#block = next;
    this.#start = 0;
    this.#end = gathered.length;
  }
}
