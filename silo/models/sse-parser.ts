// Server-sent events, from text that comes in any pieces.
//   P1. How the text is cut into pieces changes nothing: CR and LF may come apart.
//   P2. An event that no blank line ended is not an event: the stream was cut.

export interface ServerSentEvent {
  /** @default 'message' */
  readonly type: string;
  readonly data: string;
}

export class SseParser {
  #rest = '';
  #isFirst = true;
  /** The last piece ended with CR: a LF at the beginning of the next one belongs to it. */
  #sawReturn = false;
  #type = '';
  #data: string[] = [];

  /** The events that `piece` completes. */
  push(piece: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    let text = piece;
    if (text === '') return events;
    if (this.#isFirst && text.startsWith('\uFEFF')) text = text.slice(1);
    this.#isFirst = false;
    if (this.#sawReturn && text.startsWith('\n')) text = text.slice(1);
    this.#sawReturn = piece.endsWith('\r');
    const lines = text.split(/\r\n|\r|\n/);
    const last = lines.pop() ?? '';
    for (const line of lines) {
      this.#line(this.#rest + line, events);
      this.#rest = '';
    }
    this.#rest += last;
    return events;
  }

  #line(line: string, events: ServerSentEvent[]): void {
    if (line === '') {
      if (this.#data.length > 0) events.push({ type: this.#type || 'message', data: this.#data.join('\n') });
      this.#data = [];
      this.#type = '';
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment, sent to keep connections alive
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#type = value;
  }
}
