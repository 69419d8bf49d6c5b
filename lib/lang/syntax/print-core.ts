// What all parts of the printer stand on: lines and their comments.
//   F1. Comments are kept by their place: those before a member stand on lines of their own before it, those behind or
//       inside of it behind it, those before a closing bracket before that. Each is printed once.
//   F2. What is printed depends on the tree, on where the source has line breaks inside of brackets and operators, and on
//       widths that printing does not change. So printing what was printed changes nothing.
import type { Comment, FileNode } from './ast.ts';

/** Widest one-line form of something in brackets, with its indentation. */
export const WIDTH = 100;
const INDENT = '    ';

/** What gets a line of its own. */
export interface Member {
  readonly start: number;
  readonly end: number;
  /** Without indentation and comments. */
  readonly print: (indent: number) => string;
  /** It begins with the word `in`, which would go on with the line before: a comma goes between. */
  readonly beginsWithIn?: boolean;
  /** A blank line stands before it, and before the comments that lead to it. */
  readonly needsBlankLine?: boolean;
}

export const pad = (indent: number): string => INDENT.repeat(indent);

export abstract class PrintCore {
  protected readonly text: string;
  readonly #comments: readonly Comment[];
  readonly #isDone: Uint8Array;
  /** The first comment that may not be done. */
  #next = 0;
  /** The end, in the source, of what was printed last; -1: nothing was, in this body. */
  #lastEnd = -1;

  constructor({ source, comments }: FileNode) {
    this.text = source.text;
    this.#comments = comments;
    this.#isDone = new Uint8Array(comments.length);
  }

  // ---- Bodies ----

  /** `{`, members on lines, `}`. `headEnd`: where the source is done with what stands before the brace. */
  protected braces(headEnd: number, members: readonly Member[], indent: number, comma = ''): string {
    const lines = this.lines(members, indent + 1, this.closingAfter(members.at(-1)?.end ?? headEnd), comma);
    return lines === '' ? '{}' : `{\n${lines}\n${pad(indent)}}`;
  }

  /** Members with their comments, and the comments before `close`. */
  protected lines(members: readonly Member[], indent: number, close: number, comma = ''): string {
    const lines: string[] = [];
    this.#lastEnd = -1;
    members.forEach((member, index) => {
      this.#leading(member, indent, lines);
      const printed = member.print(indent);
      const next = members[index + 1];
      const sign = next?.beginsWithIn === true ? ',' : next && comma;
      this.#lastEnd = member.end;
      lines.push(pad(indent) + printed + (sign ?? '') + this.#trailing(member.end, indent));
    });
    this.#dangling(close, indent, lines);
    return lines.join('\n');
  }

  /** The comments before `start`, each on its line, and the blank lines between. */
  #leading({ start, needsBlankLine = false }: Member, indent: number, lines: string[]): void {
    const before = lines.length;
    this.#dangling(start, indent, lines);
    const isApart = lines.indexOf('', before) >= 0;
    if (this.#hasBlankLine(start)) lines.push('');
    else if (needsBlankLine && !isApart) lines.splice(before, 0, '');
  }

  #dangling(end: number, indent: number, lines: string[]): void {
    for (const comment of this.#take(end)) {
      if (this.#hasBlankLine(comment.span.start)) lines.push('');
      lines.push(pad(indent) + comment.text);
      this.#lastEnd = comment.span.end;
    }
  }

  /** Comments on lines of their own before something inside of an expression. */
  protected ownLines(start: number, indent: number): string {
    return [...this.#take(start)].map(({ text }) => `${pad(indent)}${text}\n`).join('');
  }

  /** Comments inside of what was printed, and those behind it in its last line. */
  #trailing(end: number, indent: number): string {
    let printed = '';
    let mustBreak = false;
    for (let index = this.#next; index < this.#comments.length; index += 1) {
      const comment = this.#comments[index];
      if (!comment || this.#isDone[index] === 1) continue;
      const { start, end: commentEnd } = comment.span;
      if (start >= end && this.text.slice(this.#lastEnd, start).includes('\n')) break;
      if (start >= end && !/^[\s,)]*$/.test(this.text.slice(this.#lastEnd, start))) break;
      printed += (mustBreak ? `\n${pad(indent)}` : ' ') + comment.text;
      mustBreak = comment.text.startsWith('//') || comment.text.includes('\n');
      this.#isDone[index] = 1;
      if (commentEnd > this.#lastEnd) this.#lastEnd = commentEnd;
    }
    return printed;
  }

  #hasBlankLine(start: number): boolean {
    return this.#lastEnd >= 0 && /\n[ \t\r]*\n/.test(this.text.slice(this.#lastEnd, start));
  }

  /** The comments before `end` that were not printed. */
  *#take(end: number): Generator<Comment> {
    for (let index = this.#next; index < this.#comments.length; index += 1) {
      const comment = this.#comments[index];
      if (!comment || comment.span.start >= end) return;
      this.#next = index + 1;
      if (this.#isDone[index] === 1) continue;
      this.#isDone[index] = 1;
      yield comment;
    }
  }

  // ---- The source ----

  protected slice({ start, end }: { readonly start: number; readonly end: number }): string {
    return this.text.slice(start, end);
  }

  /** A piece of the source that is printed as it stands, with the comments in it. */
  protected verbatim(span: { readonly start: number; readonly end: number }): string {
    for (let index = this.#firstCommentFrom(span.start); ; index += 1) {
      const comment = this.#comments[index];
      if (!comment || comment.span.start >= span.end) break;
      this.#isDone[index] = 1;
    }
    return this.slice(span);
  }

  protected hasBreak(from: number, to: number): boolean {
    const found = this.text.indexOf('\n', from);
    return found >= 0 && found < to;
  }

  protected hasComment(from: number, to: number): boolean {
    const comment = this.#comments[this.#firstCommentFrom(from)];
    return comment !== undefined && comment.span.start < to;
  }

  #firstCommentFrom(offset: number): number {
    let low = 0;
    for (let high = this.#comments.length; low < high;) {
      const middle = (low + high) >> 1;
      if ((this.#comments[middle]?.span.start ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Where the next closing brace is that stands in no comment. */
  protected closingAfter(offset: number): number {
    let comment = this.#firstCommentFrom(offset);
    for (let at = offset; at < this.text.length; at += 1) {
      const span = this.#comments[comment]?.span;
      if (span && at === span.start) {
        at = span.end - 1;
        comment += 1;
      } else if (this.text.charCodeAt(at) === 0x7d) return at;
    }
    return this.text.length;
  }
}
