// A source file, and places in it.

/** A piece of a source text, as offsets in UTF-16 units; `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Line and column as people count them, from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One source file: its text, its name for messages, and where its lines begin. */
export class SourceText {
  /** As it is shown to people and written into the IR; a path with slashes, or any other name. */
  readonly name: string;
  readonly text: string;
  #starts: number[] | undefined = undefined;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
  }

  get lineCount(): number {
    return this.#lineStarts().length;
  }

  positionAt(offset: number): Position {
    const starts = this.#lineStarts();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  }

  /** The text of a line (from 1) without its line break. */
  lineText(line: number): string {
    const starts = this.#lineStarts();
    const start = starts[line - 1] ?? this.text.length;
    const next = starts[line] ?? this.text.length + 1;
    return this.text.slice(start, next - 1).replace(/\r$/, '');
  }

  #lineStarts(): readonly number[] {
    if (this.#starts) return this.#starts;
    const starts = [0];
    for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1)) starts.push(at + 1);
    return (this.#starts = starts);
  }
}
