/** One line that is written over on a terminal; elsewhere only what is finished. */
export class Progress {
  readonly #out: NodeJS.WriteStream;
  readonly #isTerminal: boolean;
  #head = '';

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#isTerminal = out.isTTY;
  }

  begin(head: string): void {
    this.#head = head;
    this.step('');
  }

  step(text: string): void {
    if (!this.#isTerminal) return;
    const line = `${this.#head} ${text}`.slice(0, Math.max(20, this.#out.columns - 1));
    this.#out.write(`\r\x1b[2K${line}`);
  }

  end(text: string): void {
    this.#out.write(`${this.#isTerminal ? '\r\x1b[2K' : ''}${this.#head} ${text}\n`);
  }
}
