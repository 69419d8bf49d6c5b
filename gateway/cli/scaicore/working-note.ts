// What is being done right now, on a line that is gone with the next one: for people at a terminal only.
import { fit, printable, type Terminal } from '../terminal.ts';

export class WorkingNote {
  readonly #terminal: Terminal;
  #isShown = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(text: string): void {
    const { isErrTty, isOutTty, columns } = this.#terminal;
    if (!isErrTty || !isOutTty) return;
    const line = this.#terminal.paint('dim', printable(text));
    // One column stays free: some terminals break the line when the last one is written.
    this.#terminal.err(`\r\u001b[2K${fit(line, columns - 1)}`);
    this.#isShown = true;
  }

  /** Before anything else is written. */
  clear(): void {
    if (this.#isShown) this.#terminal.err('\r\u001b[2K');
    this.#isShown = false;
  }
}
