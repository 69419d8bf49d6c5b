// The least that a Redis client can do: commands of one tick in one write, answers in order, no more than numbers.
import { connect, type Socket } from 'node:net';
import { BenchError } from '../bench.ts';

export class RawRedis {
  readonly #socket: Socket;
  readonly #waiting: ((answer: string) => void)[] = [];
  #next = 0;
  #commands = '';
  #rest = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => this.#onText(text as unknown as string));
  }

  static async open(port: number): Promise<RawRedis> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawRedis(socket);
  }

  /** The answer's line, with its type: `:1`, `+OK`. Only for commands that answer in one line. */
  call(...words: readonly string[]): Promise<string> {
    let text = `*${words.length}\r\n`;
    for (const word of words) text += `$${word.length}\r\n${word}\r\n`;
    if (this.#commands === '') setImmediate(this.#flush);
    this.#commands += text;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  readonly #flush = (): void => {
    this.#socket.write(this.#commands, 'latin1');
    this.#commands = '';
  };

  #onText(text: string): void {
    const all = this.#rest + text;
    let at = 0;
    for (let end = all.indexOf('\r\n', at); end >= 0; end = all.indexOf('\r\n', at)) {
      const answer = all.slice(at, end);
      at = end + 2;
      if (answer.startsWith('-')) throw new BenchError(`Redis refused: ${answer}`);
      const resolve = this.#waiting[this.#next];
      this.#next += 1;
      resolve?.(answer);
    }
    this.#rest = all.slice(at);
    // Taking from the front of an array one by one would copy it each time.
    if (this.#next > 1_024) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
  }
}
