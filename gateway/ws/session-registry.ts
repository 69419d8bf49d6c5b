// SessionRegistry: what this process remembers of sessions between their connections.
// Owns: how far each came here, its highest attach, and which connection has it now. It is a cache: the marks at the
// grains decide, so forgetting a session costs its client a few events sent again, never a loss.
//   G1. One connection at most has a session; a newer one replaces the older.
//   G2. `ackedFor` never passes a refusal that the client may not have seen.
//   G3. Sessions without a connection are bounded in number and in time; the longest gone are forgotten first.
import type { Clock } from '../../lib/index.ts';

/** More refusals than these are not kept one by one: below the last one that was dropped nothing is known. */
const NACKS_MAX = 256;

/** One session, as long as this process knows of it. */
export class SessionMemory {
  readonly id: string;
  attach = 0;
  /** All up to here are settled. */
  settled = 0;
  detachedMs = 0;
  /** seq of refused events. */
  #nacks: number[] | undefined = undefined;
  #nackFloor = 0;

  constructor(id: string) {
    this.id = id;
  }

  noteNack(seq: number): void {
    this.#nacks ??= [];
    this.#nacks.push(seq);
    if (this.#nacks.length <= NACKS_MAX) return;
    this.#nacks.sort((left, right) => left - right);
    this.#nackFloor = this.#nacks.shift() ?? 0;
  }

  /** From where a client goes on that has seen the acks up to `seen` (G2). */
  ackedFor(seen: number): number {
    if (seen < this.#nackFloor) return seen;
    let acked = Math.max(this.settled, seen);
    for (const seq of this.#nacks ?? []) {
      if (seq > seen && seq <= acked) acked = seq - 1;
    }
    return acked;
  }
}

/** Whoever has a session attached. */
export interface SessionHolder {
  /** A newer connection has the session now. */
  onReplaced(): void;
}

interface Live {
  readonly memory: SessionMemory;
  readonly holder: SessionHolder;
}

export class SessionRegistry {
  readonly #live = new Map<string, Live>();
  /** In the order in which they were detached. */
  readonly #detached = new Map<string, SessionMemory>();
  readonly #clock: Clock;
  readonly #rememberedMax: number;
  readonly #sessionMs: number;

  constructor(options: {
    readonly clock: Clock;
    readonly rememberedMax: number;
    readonly sessionMs: number;
  }) {
    this.#clock = options.clock;
    this.#rememberedMax = options.rememberedMax;
    this.#sessionMs = options.sessionMs;
  }

  get liveCount(): number {
    return this.#live.size;
  }

  get rememberedCount(): number {
    return this.#detached.size;
  }

  /** Gives the session to `holder`; `attach` is the one that its token names (0 for a new session). */
  attach(id: string, attach: number, holder: SessionHolder): SessionMemory {
    const before = this.#live.get(id);
    const memory = before?.memory ?? this.#detached.get(id) ?? new SessionMemory(id);
    this.#detached.delete(id);
    memory.attach = Math.max(memory.attach, attach) + 1;
    this.#live.set(id, { memory, holder });
    before?.holder.onReplaced();
    return memory;
  }

  /** The holder's connection is gone. Nothing happens when another one has the session by now. */
  detach(id: string, holder: SessionHolder): void {
    const live = this.#live.get(id);
    if (live?.holder !== holder) return;
    this.#live.delete(id);
    live.memory.detachedMs = this.#clock.nowMs();
    this.#detached.set(id, live.memory);
    this.#forget();
  }

  #forget(): void {
    const goneMs = this.#clock.nowMs() - this.#sessionMs;
    for (const [id, memory] of this.#detached) {
      if (this.#detached.size <= this.#rememberedMax && memory.detachedMs > goneMs) return;
      this.#detached.delete(id);
    }
  }
}
