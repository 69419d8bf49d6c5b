// LogBus: the event bus whose log is the storage's own log of emissions, written in the commits that emit (EventBus, B1-B5).
// Owns: which Cores have readers, replays, the operators' calls. Does not own: the log (storage), the way along it
// (log-reader.ts).
//   G1. A listening Core has one live reader, from its first subscription on: its position is stored before it reads,
//       so nothing emitted after that is missed, whatever crashes.
//   G2. A replay is known by its record until it has ended, so it goes on after a restart.
//   G3. A dead letter is delivered again or deleted only after the position that knows it as settled is durable: nothing
//       delivers it a second time then.
import {
  backoffMs,
  type Clock,
  type CoreDefinition,
  fromUnknown,
  GrainError,
  type Logger,
  type Rng,
} from '../../lib/index.ts';
import { type Envelope, PromiseEnvelope } from '../messaging/envelope.ts';
import type { GrainStorage } from '../storage/grain-storage.ts';
import { type LogBusOptions, type ResolvedBusOptions, resolveBusOptions } from './bus-options.ts';
import { DeadLetters } from './dead-letters.ts';
import { address, targetKey } from './delivery.ts';
import type { BusGap, BusReport, DeadLetter, EventBus, ReplayStart } from './event-bus.ts';
import { findLogEnd } from './log-end.ts';
import { LogReader, type ReaderParts } from './log-reader.ts';
import { LogRetention } from './log-retention.ts';
import { parsePosition, type PositionRecord } from './reader-position.ts';

const POSITION = 'bus/position/';
const REPLAY = 'bus/replay/';
const PAGE_SIZE = 500;
const LETTERS_PAGE_MAX = 1_000;
const OPEN_BACKOFF = { firstMs: 1_000, mostMs: 30_000 };

export interface LogBusParts {
  readonly storage: GrainStorage;
  readonly dispatch: (envelope: Envelope) => void;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly options?: LogBusOptions;
  /** Names this history of the store; positions in another one say nothing. */
  readonly generation?: string | undefined;
  /** Told of each gap, besides the log and the counters. */
  readonly onGap?: (gap: BusGap) => void;
  /** Whether this process reads for the Core; it does for all, when nobody says. Two at once only deliver twice. */
  readonly isReaderFor?: ((core: string) => boolean) | undefined;
}

export class LogBus implements EventBus {
  readonly #parts: LogBusParts;
  readonly #options: ResolvedBusOptions;
  readonly #letters: DeadLetters;
  readonly #retention: LogRetention;
  readonly #cores = new Map<string, CoreDefinition>();
  /** Live readers by Core; absent until opened. */
  readonly #live = new Map<string, LogReader>();
  /** Replays by id. */
  readonly #replays = new Map<string, LogReader>();
  /** Cores whose readers are being opened: one at a time each. */
  readonly #opening = new Map<string, Promise<void>>();
  #state: 'new' | 'started' | 'stopped' = 'new';
  #offAppend: (() => void) | undefined = undefined;
  #readersPassed = 0;

  constructor(parts: LogBusParts) {
    const { storage, clock, log } = parts;
    this.#parts = parts;
    this.#options = resolveBusOptions(parts.options);
    this.#letters = new DeadLetters(storage, log, this.#options.lettersMax);
    const onTrim = (to: number): void => this.#onTrim(to);
    this.#retention = new LogRetention({
      storage,
      clock,
      log,
      options: this.#options,
      onTrim,
      isWanted: () => this.#isMine(''),
    });
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    this.#offAppend = this.#parts.storage.onAppend(() => this.#wakeAll());
    this.#retention.start();
    await Promise.all([...this.#cores.keys()].map((core) => this.#open(core)));
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#offAppend?.();
    this.#retention.stop();
    const failed = (error: unknown): void => {
      // Stored positions are older, then: what follows them is redelivered, and known by its marks.
      this.#parts.log.warn({ err: fromUnknown(error) }, 'bus.stop_failed');
    };
    await Promise.all(this.#readers().map((reader) => reader.stop().catch(failed)));
  }

  /** Ends at once and writes nothing more: another silo reads by now, or the store is not the one that this was read from. */
  abandon(): void {
    this.#state = 'stopped';
    this.#offAppend?.();
    this.#retention.stop();
    for (const reader of this.#readers()) reader.abandon();
  }

  subscribeCore(definition: CoreDefinition): void {
    this.#cores.set(definition.name, definition);
    if (this.#state === 'started') this.#openInBackground(definition.name, 1);
  }

  /** Others came or went: readers open and close so that each Core has one in the cluster. */
  readersChanged(): void {
    if (this.#state !== 'started') return;
    for (const core of this.#cores.keys()) {
      if (this.#isMine(core) && !this.#live.has(core)) this.#openInBackground(core, 1);
      else if (!this.#isMine(core) && this.#live.has(core)) this.#closeReaders(core);
    }
  }

  #isMine(core: string): boolean {
    return this.#parts.isReaderFor?.(core) ?? true;
  }

  #closeReaders(core: string): void {
    const closing = this.#readers().filter((reader) => reader.core === core);
    this.#live.delete(core);
    for (const [id, reader] of this.#replays) if (reader.core === core) this.#replays.delete(id);
    for (const reader of closing) {
      reader.stop().catch((error: unknown) => {
        this.#parts.log.warn({ err: fromUnknown(error), core }, 'bus.stop_failed');
      });
    }
  }

  #openInBackground(core: string, attempts: number): void {
    this.#open(core).catch((error: unknown) => {
      this.#parts.log.warn({ err: fromUnknown(error), core }, 'bus.open_failed');
      this.#parts.clock.setTimer(backoffMs(attempts, OPEN_BACKOFF), () => {
        if (this.#state === 'started') this.#openInBackground(core, attempts + 1);
      });
    });
  }

  /** Makes the Core's live reader and replays, unless they are there. */
  #open(core: string): Promise<void> {
    const running = this.#opening.get(core);
    if (running) return running;
    const opening = this.#openNow(core).finally(() => this.#opening.delete(core));
    this.#opening.set(core, opening);
    return opening;
  }

  async #openNow(core: string): Promise<void> {
    if (this.#live.has(core) || !this.#cores.get(core)?.on.size || !this.#isMine(core)) return;
    const name = POSITION + core;
    const stored = parsePosition(name, await this.#parts.storage.getRecord(name));
    const start = stored && this.#isOurs(stored) ? stored : await this.#firstPosition(name, stored);
    // Letters are durable before the position that passes them is: those are settled too.
    const buried = await this.#letters.positionsAfter(core, start.position);
    const replays = await this.#storedReplays(core);
    if (this.#state !== 'started' || !this.#isMine(core)) return;
    const position = { ...start, buried: [...start.buried, ...buried] };
    this.#live.set(core, this.#makeReader(core, undefined, name, position));
    for (const [id, record] of replays) this.#startReplay(core, id, record);
  }

  #isOurs({ generation }: PositionRecord): boolean {
    const own = this.#parts.generation;
    return generation === undefined || own === undefined || generation === own;
  }

  /**
   * Where a Core begins that listens for the first time; stored, because a second first time would skip events (G1). One
   * that listened in a history that is gone begins with the new one.
   */
  async #firstPosition(name: string, foreign: PositionRecord | undefined): Promise<PositionRecord> {
    const { storage, log, generation } = this.#parts;
    const { first } = await storage.readLog(0, 1);
    const isAtEnd = this.#options.newReaders === 'end' && !foreign;
    const position = isAtEnd ? await findLogEnd(storage, first - 1) : first - 1;
    if (foreign) log.warn({ record: name, lost: foreign.position, position }, 'bus.history_changed');
    const record: PositionRecord = {
      position,
      buried: [],
      ...(generation === undefined ? {} : { generation }),
    };
    await storage.putRecord(name, record);
    return record;
  }

  #makeReader(core: string, replayId: string | undefined, record: string, start: PositionRecord): LogReader {
    const { storage, dispatch, clock, rng, log, generation } = this.#parts;
    const parts: ReaderParts = {
      ...{ storage, dispatch, clock, rng, log, core, replayId, generation },
      options: this.#options,
      letters: this.#letters,
      definition: () => this.#definition(core),
    };
    const onGap = (gap: BusGap): void => this.#parts.onGap?.(gap);
    return new LogReader(parts, { onGap, onComplete: (reader) => this.#completed(reader) }, record, start);
  }

  /** @throws ERR_CORE_UNKNOWN */
  #definition(core: string): CoreDefinition {
    const definition = this.#cores.get(core);
    if (definition) return definition;
    throw new GrainError('ERR_CORE_UNKNOWN', { core });
  }

  #readers(): LogReader[] {
    return [...this.#live.values(), ...this.#replays.values()];
  }

  #wakeAll(): void {
    for (const reader of this.#readers()) reader.wake();
  }

  #onTrim(to: number): void {
    for (const { core, replayId, readTo } of this.#readers()) {
      if (readTo >= to) continue;
      this.#readersPassed += 1;
      this.#parts.log.warn({ core, replayId, readTo, trimmedTo: to }, 'bus.reader_passed');
    }
  }

  // ---- Replays ----

  async replay(core: string, from: ReplayStart): Promise<string> {
    const { storage, rng, generation } = this.#parts;
    await this.#open(core);
    const live = this.#live.get(core);
    if (!live)
      throw new GrainError('ERR_CORE_UNKNOWN', { core, message: `Core ${core} listens for no events` });
    const id = rng.hex(8);
    const { first } = await storage.readLog(0, 1);
    const record: PositionRecord = {
      position: 'fromPosition' in from ? Math.max(0, from.fromPosition) : first - 1,
      buried: [],
      until: live.readTo,
      ...('fromWallMs' in from ? { fromWallMs: from.fromWallMs } : {}),
      ...(generation === undefined ? {} : { generation }),
    };
    await storage.putRecord(replayName(core, id), record);
    if (this.#state === 'started') this.#startReplay(core, id, record);
    return id;
  }

  async cancelReplay(id: string): Promise<boolean> {
    const reader = this.#replays.get(id);
    if (!reader) return false;
    this.#replays.delete(id);
    await reader.stop(true);
    return true;
  }

  #startReplay(core: string, id: string, record: PositionRecord): void {
    if (!this.#replays.has(id)) {
      this.#replays.set(id, this.#makeReader(core, id, replayName(core, id), record));
    }
  }

  async #storedReplays(core: string): Promise<[id: string, record: PositionRecord][]> {
    const prefix = replayName(core, '');
    const found = await this.#parts.storage.listRecords(prefix, prefix, PAGE_SIZE);
    return found.flatMap(([name, value]) => {
      const record = parsePosition(name, value);
      return record && this.#isOurs(record) ? [[name.slice(prefix.length), record]] : [];
    });
  }

  #completed(reader: LogReader): void {
    const { core, replayId } = reader;
    const { log } = this.#parts;
    log.info({ ...reader.report() }, 'bus.replay_completed');
    this.cancelReplay(replayId ?? '').catch((error: unknown) => {
      // Its record stays: the next start finds nothing left to replay, and deletes it.
      log.warn({ err: fromUnknown(error), core, replayId }, 'bus.replay_end_failed');
    });
  }

  // ---- Dead letters ----

  deadLetters(
    core: string,
    { limit, after = '' }: { readonly limit: number; readonly after?: string | undefined },
  ): Promise<readonly DeadLetter[]> {
    return this.#letters.list(core, after, Math.min(limit, LETTERS_PAGE_MAX));
  }

  async redeliver(id: string): Promise<void> {
    const letter = await this.#letters.get(id);
    const { core, replayId, data, attempts } = letter;
    const definition = this.#definition(core);
    await this.#readerOf(letter)?.flush();
    const envelope = new PromiseEnvelope();
    try {
      // Marks of its own, the same for each redelivery: the source's mark has moved on, and would take it for done.
      const run = replayId === undefined ? 'letter' : `${replayId}@letter`;
      const mark = { run: `${run}-${letter.position}`, prev: 0 };
      address(envelope, definition, targetKey(definition, data), letter, mark);
      this.#parts.dispatch(envelope);
      await envelope.promise;
    } catch (thrown) {
      const error = fromUnknown(thrown);
      const { code, message } = error;
      const wallMs = this.#parts.clock.wallMs();
      await this.#letters.put({ ...letter, error: { code, message }, attempts: attempts + 1, wallMs });
      throw error;
    }
    await this.#letters.delete(id);
  }

  async deleteDeadLetter(id: string): Promise<void> {
    await this.#readerOf(await this.#letters.get(id))?.flush();
    await this.#letters.delete(id);
  }

  #readerOf({ core, replayId }: DeadLetter): LogReader | undefined {
    return replayId === undefined ? this.#live.get(core) : this.#replays.get(replayId);
  }

  report(): BusReport {
    return {
      readers: this.#readers().map((reader) => reader.report()),
      lettersDropped: this.#letters.dropped,
      trimmed: this.#retention.trimmed,
      readersPassed: this.#readersPassed,
    };
  }
}

function replayName(core: string, id: string): string {
  return `${REPLAY}${core}/${id}`;
}
