// TimerWheel: every deadline, turn limit, timer and sweep of a silo, behind one timer of the clock.
// Owns: when nodes come due. Does not own: what happens then (`onDue` of the node).
//   W1. A node is in at most one slot; `cancel` takes it out in constant time.
//   W2. A node never runs before its due time; it runs at most one tick late, plus whatever the loop is late.
//   W3. One timer of the clock is set while nodes wait, none while the wheel is empty.
//   W4. One pass runs for at most `SLICE_MS`, then lets input and output have their turn.
import type { Clock } from './clock.ts';

/** Something that comes due. Extend it: the links live in the node, so that waiting allocates nothing. */
export abstract class WheelNode {
  /** Set by the wheel alone. */
  wheelNext: WheelNode | null = null;
  /** Set by the wheel alone; null while the node is in no slot. */
  wheelPrev: WheelNode | null = null;
  /** When it is due, in monotonic milliseconds. */
  wheelDueMs = 0;
  /** The wheel that it waits in. Set by the wheel alone. */
  wheel: TimerWheel | null = null;

  abstract onDue(): void;
}

class SlotHead extends WheelNode {
  constructor() {
    super();
    this.wheelNext = this;
    this.wheelPrev = this;
  }

  onDue(): void {
    // A head marks where its slot begins; it is never due itself.
  }
}

const TICK_MS = 16;
const SLOT_BITS = 8;
const SLOTS = 1 << SLOT_BITS;
const LEVELS = 4;
/** Ticks from which on a node goes to level 1, 2 and 3. */
const SPAN_1 = 2 ** SLOT_BITS;
const SPAN_2 = 2 ** (SLOT_BITS * 2);
const SPAN_3 = 2 ** (SLOT_BITS * 3);
/** A year or so: later nodes come round and are placed again. */
const AHEAD_MAX = 2 ** 31 - 1;
const SLICE_MS = 2;

export class TimerWheel {
  readonly #clock: Clock;
  readonly #levels: SlotHead[][] = [];
  readonly #due = new SlotHead();
  #startMs: number;
  #tick = 0;
  #count = 0;
  #isArmed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    for (let level = 0; level < LEVELS; level += 1) {
      this.#levels.push(Array.from({ length: SLOTS }, () => new SlotHead()));
    }
  }

  /** How many nodes are waiting. */
  get size(): number {
    return this.#count;
  }

  /** Puts the node in, due at `dueMs` (monotonic); moves it when it is waiting already. */
  schedule(node: WheelNode, dueMs: number): void {
    if (node.wheelPrev) this.cancel(node);
    if (this.#count === 0) this.#catchUp();
    node.wheelDueMs = dueMs;
    node.wheel = this;
    this.#count += 1;
    this.#place(node);
    if (!this.#isArmed) this.#arm();
  }

  cancel(node: WheelNode): void {
    if (!node.wheelPrev) return;
    unlink(node);
    node.wheel = null;
    this.#count -= 1;
  }

  /** An empty wheel has not been ticking: bring it to the present before the first node goes in. */
  #catchUp(): void {
    this.#startMs = this.#clock.nowMs();
    this.#tick = 0;
  }

  #place(node: WheelNode): void {
    // Rounded up, so that W2 holds; at least one tick ahead, because this tick's slot may be being emptied now.
    const due = Math.ceil((node.wheelDueMs - this.#startMs) / TICK_MS);
    const ahead = Math.min(Math.max(due - this.#tick, 1), AHEAD_MAX);
    const tick = this.#tick + ahead;
    const level = ahead < SPAN_1 ? 0 : ahead < SPAN_2 ? 1 : ahead < SPAN_3 ? 2 : 3;
    const head = this.#levels[level]?.[(tick >>> (SLOT_BITS * level)) & (SLOTS - 1)];
    if (head) link(node, head);
  }

  #arm(): void {
    this.#isArmed = true;
    const nextMs = this.#startMs + (this.#tick + 1) * TICK_MS;
    this.#clock.setTimer(Math.max(1, nextMs - this.#clock.nowMs()), () => this.#onTimer());
  }

  #onTimer(): void {
    const nowTick = Math.floor((this.#clock.nowMs() - this.#startMs) / TICK_MS);
    while (this.#tick < nowTick && this.#count > 0) this.#advance();
    this.#runDue();
  }

  #advance(): void {
    this.#tick += 1;
    for (let level = 1; level < LEVELS; level += 1) {
      const isRoundOver = (this.#tick & (2 ** (SLOT_BITS * level) - 1)) === 0;
      if (!isRoundOver) break;
      this.#cascade(level, (this.#tick >>> (SLOT_BITS * level)) & (SLOTS - 1));
    }
    const head = this.#levels[0]?.[this.#tick & (SLOTS - 1)];
    if (head) moveAll(head, this.#due);
  }

  /** Spreads a coarse slot over the finer ones. Nodes due in this very tick go to the due list at once. */
  #cascade(level: number, slot: number): void {
    const head = this.#levels[level]?.[slot];
    if (!head) return;
    const waiting = new SlotHead();
    moveAll(head, waiting);
    for (let node = waiting.wheelNext; node && node !== waiting; node = waiting.wheelNext) {
      unlink(node);
      const due = Math.ceil((node.wheelDueMs - this.#startMs) / TICK_MS);
      if (due <= this.#tick) link(node, this.#due);
      else this.#place(node);
    }
  }

  #runDue(): void {
    const sliceEndMs = this.#clock.nowMs() + SLICE_MS;
    for (let node = this.#due.wheelNext; node && node !== this.#due; node = this.#due.wheelNext) {
      unlink(node);
      node.wheel = null;
      this.#count -= 1;
      node.onDue();
      if (this.#clock.nowMs() > sliceEndMs) break;
    }
    if (this.#due.wheelNext !== this.#due) this.#clock.defer(() => this.#runDue());
    else if (this.#count > 0) this.#arm();
    else this.#isArmed = false;
  }
}

function link(node: WheelNode, head: WheelNode): void {
  const last = head.wheelPrev;
  node.wheelPrev = last;
  node.wheelNext = head;
  if (last) last.wheelNext = node;
  head.wheelPrev = node;
}

function unlink(node: WheelNode): void {
  const { wheelPrev: prev, wheelNext: next } = node;
  if (prev) prev.wheelNext = next;
  if (next) next.wheelPrev = prev;
  node.wheelPrev = null;
  node.wheelNext = null;
}

function moveAll(from: WheelNode, to: WheelNode): void {
  const first = from.wheelNext;
  const last = from.wheelPrev;
  if (!first || !last || first === from) return;
  const tail = to.wheelPrev;
  first.wheelPrev = tail;
  if (tail) tail.wheelNext = first;
  last.wheelNext = to;
  to.wheelPrev = last;
  from.wheelNext = from;
  from.wheelPrev = from;
}
