// Progress: one line that is redrawn at a terminal, a plain line now and then elsewhere. Always on standard error.
import type { Clock } from '../../lib/index.ts';
import { grouped } from './table.ts';
import { fit, type Terminal } from './terminal.ts';

export interface ProgressOptions {
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** What is counted: `events`. */
  readonly unit: string;
  readonly total?: number | undefined;
  readonly isQuiet?: boolean;
}

/** Pause between redraws; more only costs. */
const DRAW_MS = 80;
/** Plain lines: at most one in so many milliseconds, or one for each twentieth. */
const LINE_MS = 2_000;
const STEPS = 20;

export class Progress {
  readonly #options: ProgressOptions;
  #startedMs: number;
  #firstCount: number | undefined;
  #drawnMs = -Infinity;
  #step = 0;
  #note = '';
  #hasLine = false;
  #last: { readonly count: number; readonly share: number } | undefined;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#startedMs = options.clock.nowMs();
  }

  update(count: number, share: number): void {
    const { clock, terminal, isQuiet = false } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#firstCount === undefined) {
      this.#firstCount = count;
      this.#startedMs = nowMs;
      this.#step = Math.floor(share * STEPS);
    }
    this.#last = { count, share };
    if (isQuiet) return;
    if (terminal.isErrTty) {
      if (nowMs - this.#drawnMs >= DRAW_MS) this.#draw(nowMs);
      return;
    }
    const step = Math.floor(share * STEPS);
    if (step <= this.#step && nowMs - this.#drawnMs < LINE_MS) return;
    this.#step = step;
    this.#drawnMs = nowMs;
    terminal.err(`${this.#text(nowMs)}\n`);
  }

  /** Said behind the figures, until it is said otherwise. */
  note(text: string): void {
    if (text === this.#note) return;
    this.#note = text;
    const { terminal, clock, isQuiet = false } = this.#options;
    if (isQuiet) return;
    if (terminal.isErrTty) this.#draw(clock.nowMs());
    else if (text !== '') terminal.err(`${text}\n`);
  }

  /** A line of its own, above the bar. */
  say(line: string): void {
    const { terminal } = this.#options;
    this.#erase();
    terminal.err(`${line}\n`);
  }

  /** The bar's last state stays, when there was one. */
  end(): void {
    const { terminal, clock, isQuiet = false } = this.#options;
    if (isQuiet || !terminal.isErrTty || !this.#last) return;
    this.#draw(clock.nowMs());
    terminal.err('\n');
    this.#hasLine = false;
  }

  #erase(): void {
    if (this.#hasLine) this.#options.terminal.err('\r\u001b[2K');
    this.#hasLine = false;
  }

  #draw(nowMs: number): void {
    const { terminal } = this.#options;
    this.#drawnMs = nowMs;
    // One column stays free: some terminals break the line when the last one is written.
    const room = terminal.columns - 1;
    const text = this.#text(nowMs);
    const barCells = Math.min(40, room - text.length - 3);
    const bar = barCells >= 8 ? `${this.#bar(barCells)} ` : '';
    terminal.err(`\r\u001b[2K${fit(bar + text, room)}`);
    this.#hasLine = true;
  }

  #bar(cells: number): string {
    const filled = Math.round((this.#last?.share ?? 0) * cells);
    const { terminal } = this.#options;
    return terminal.paint('green', '█'.repeat(filled)) + terminal.paint('dim', '░'.repeat(cells - filled));
  }

  #text(nowMs: number): string {
    const { unit, total } = this.#options;
    const { count = 0, share = 0 } = this.#last ?? {};
    const percent = `${Math.floor(share * 100)}`.padStart(3);
    const counted = total === undefined ? grouped(count) : `${grouped(count)} / ${grouped(total)}`;
    const seconds = (nowMs - this.#startedMs) / 1_000;
    const perSecond = seconds > 0.05 ? (count - (this.#firstCount ?? 0)) / seconds : 0;
    const rate = perSecond > 0 ? `  ${grouped(perSecond)}/s` : '';
    return `${percent} %  ${counted} ${unit}${rate}${this.#note === '' ? '' : `  ${this.#note}`}`;
  }
}
