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

/** Lines that are walked to rather than searched for. */
const NEAR_LINES = 8;

/** One source file: its text, its name for messages, and where its lines begin. */
export class SourceText {
  /** As it is shown to people and written into the IR; a path with slashes, or any other name. */
  readonly name: string;
  readonly text: string;
  #starts: number[] | undefined = undefined;
  /** The line (from 0) that was asked for last: passes go through the text in order. */
  #lastLine = 0;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
  }

  get lineCount(): number {
    return this.#lineStarts().length;
  }

  positionAt(offset: number): Position {
    const starts = this.#lineStarts();
    let line = this.#lastLine;
    if (offset < (starts[line] ?? 0)) line = lineOf(starts, offset, 0, line);
    else if (offset >= (starts[line + NEAR_LINES] ?? 0))
      line = lineOf(starts, offset, line, starts.length - 1);
    else while (offset >= (starts[line + 1] ?? Infinity)) line += 1;
    this.#lastLine = line;
    return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 };
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

/** The last of the lines from `low` to `high` that begins at or before the offset; that of `low` does. */
function lineOf(starts: readonly number[], offset: number, low: number, high: number): number {
  let [first, last] = [low, high];
  while (first < last) {
    const middle = (first + last + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) first = middle;
    else last = middle - 1;
  }
  return first;
}
