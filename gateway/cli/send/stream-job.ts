// StreamJob: sends the events of an input through one session, each exactly once, over any number of processes.
// Owns: which event of the input has which number of the session, and what the state file says.
// Does not own: the session itself (gateway/client), where events come from (the input).
//   K1. Event `base + seq` of the input has number `seq`; the input gives the same events in the same order each time.
//   K2. `base` changes only together with the session, in one write of the state file.
//   K3. When a session is lost with events whose outcome nobody knows, the job ends and the state file stays as it is:
//       going on might lose or double them, and the next process has to find out the same.
//   K4. A frame that is too large takes no number, which shifts K1. So an event that is larger than any that was taken
//       yet travels alone, and the shift is saved before anything follows it.
import { type Clock, fromUnknown, GrainError } from '../../../lib/index.ts';
import type { EventStream, GranaryClient, StreamPosition } from '../../client/node.ts';
import { EMPTY_STATE, type JobState, type Refusal } from './job-state.ts';

export interface JobItem {
  /** For people: where it stands in the input. */
  readonly line: number;
  readonly key: string | number | undefined;
  readonly data: unknown;
  /** Share of the input up to here, from 0 to 1. */
  readonly share: number;
  /** About how large its frame is. @default small */
  readonly bytes?: number;
}

export interface JobOptions {
  readonly client: GranaryClient;
  readonly core: string;
  readonly event: string;
  /** Events of the input after the first `skip` ones. */
  readonly input: (skip: number) => AsyncIterable<JobItem> | Iterable<JobItem>;
  readonly clock: Clock;
  /** Most events without an outcome at a time. */
  readonly window: number;
  /** Most events a second; undefined: as fast as it goes. */
  readonly rate?: number | undefined;
  /** Where an earlier process stopped. */
  readonly state: JobState | undefined;
  readonly save: (state: JobState) => Promise<void>;
  /** Told often: cheap work only. */
  readonly onProgress: (progress: JobProgress) => void;
  readonly onRefusal: (refusal: Refusal) => void;
  readonly stopSignal: AbortSignal;
}

export interface JobProgress {
  /** Events with an outcome, those of earlier processes included. */
  readonly settled: number;
  readonly share: number;
}

export interface JobResult {
  readonly isStopped: boolean;
  /** Events with an outcome, and those of them that this process sent. */
  readonly settled: number;
  readonly settledNow: number;
  readonly refusals: readonly Refusal[];
  readonly refusalCount: number;
  readonly ms: number;
}

/** Every gateway takes frames of this size. */
const SMALL_BYTES = 8_000;
/** Refusals that the state file lists. */
const LISTED_MAX = 1_000;

/** Runs it to the end of the input. @throws ERR_SESSION_LOST, and what closed the client */
export async function runJob(options: JobOptions): Promise<JobResult> {
  const run = new JobRun(options);
  return await run.run();
}

class JobRun {
  readonly #options: JobOptions;
  readonly #stream: EventStream;
  readonly #refusals: Refusal[];
  #state: JobState;
  /** Resolves to the number of events that earlier processes settled. */
  readonly #begun: Promise<number>;
  #skipped = 0;
  #settledNow = 0;
  /** Number in the session up to which all are settled. */
  #acked = 0;
  /** Size up to which events need not travel alone. */
  #taken = SMALL_BYTES;
  /** Ends the job. */
  #failure: GrainError | undefined;
  #openCount = 0;
  #share = 0;
  #roomMade: (() => void) | undefined;

  constructor(options: JobOptions) {
    this.#options = options;
    this.#state = options.state ?? EMPTY_STATE;
    this.#refusals = [...this.#state.refusals];
    this.#stream = options.client.events({
      state: { load: () => this.#state.position, save: (position) => this.#save(position) },
      bufferCountMax: Math.max(16_384, options.window),
    });
    this.#begun = this.#begin();
    this.#begun.catch(() => undefined); // `run` asks for it.
  }

  async run(): Promise<JobResult> {
    const { clock, stopSignal, client, input } = this.#options;
    const stop = (): void => this.#wake();
    stopSignal.addEventListener('abort', stop, { once: true });
    this.#skipped = await this.#begun;
    const startedMs = clock.nowMs();
    void client.closed.then((error) => this.#fail(error ?? new GrainError('ERR_CLIENT_CLOSED')));
    for await (const item of input(this.#skipped)) {
      await this.#turn(startedMs);
      if (stopSignal.aborted || this.#failure) break;
      if ((item.bytes ?? 0) > this.#taken) await this.#sendAlone(item);
      else void this.#send(item);
    }
    const isStopped = stopSignal.aborted;
    if (!isStopped && !this.#failure) {
      await this.#settleAll();
      if (!this.#failure) await this.#finish();
    }
    if (this.#failure) throw this.#failure;
    stopSignal.removeEventListener('abort', stop);
    return {
      isStopped,
      settled: this.#skipped + this.#settledNow,
      settledNow: this.#settledNow,
      refusals: this.#refusals,
      refusalCount: this.#state.refusalCount,
      ms: clock.nowMs() - startedMs,
    };
  }

  /** Ends the job; the first reason is the one that counts. */
  #fail(error: GrainError): void {
    this.#failure ??= error;
    this.#wake();
  }

  /** Answers how many events of the input are behind us. @throws ERR_SESSION_LOST */
  async #begin(): Promise<number> {
    const { position, base, finishedAt } = this.#state;
    const { resumed, nextSeq } = await this.#stream.ready();
    if (resumed) return base + nextSeq - 1;
    // What was sent after the last save is not in the file: only a finished job has nothing open (K3).
    if (position !== undefined && finishedAt === undefined) throw lost(base + position.acked + 1);
    this.#state = { ...this.#state, base: finishedAt ?? base };
    return this.#state.base;
  }

  /** Asked after every welcome, before events leave; when it rejects, the stream ends. */
  async #save(position: StreamPosition): Promise<void> {
    await this.#begun;
    if (this.#failure) throw this.#failure;
    if (position.acked < this.#acked) {
      // Another session, begun while nothing of the old one was open (K2).
      this.#state = { ...this.#state, base: this.#state.base + this.#acked };
    }
    this.#acked = position.acked;
    this.#state = {
      ...this.#state,
      position,
      finishedAt: undefined,
      refusals: this.#refusals.slice(0, LISTED_MAX),
    };
    try {
      await this.#options.save(this.#state);
    } catch (thrown) {
      this.#fail(fromUnknown(thrown));
      throw thrown;
    }
  }

  /** Everything is settled: a later process may begin a session of its own behind it. */
  async #finish(): Promise<void> {
    const finishedAt = this.#skipped + this.#settledNow;
    this.#state = { ...this.#state, finishedAt, refusals: this.#refusals.slice(0, LISTED_MAX) };
    await this.#options.save(this.#state);
  }

  /** Waits for room, and for the time of the next event where there is a rate. */
  async #turn(startedMs: number): Promise<void> {
    const { window, rate, clock, stopSignal } = this.#options;
    while (this.#openCount >= window && !stopSignal.aborted && !this.#failure) {
      await new Promise<void>((resolve) => (this.#roomMade = resolve));
    }
    if (rate === undefined) return;
    const dueMs = startedMs + ((this.#settledNow + this.#openCount) / rate) * 1_000;
    const waitMs = dueMs - clock.nowMs();
    if (waitMs >= 1 && !stopSignal.aborted) await this.#pause(waitMs);
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(ms, resolve);
      this.#roomMade = () => {
        // Room is no reason to hurry; a stop is.
        if (!this.#options.stopSignal.aborted) return;
        timer.cancel();
        resolve();
      };
    });
  }

  /** Resolves to the code of the refusal, if it was refused. */
  #send({ line, key, data, share }: JobItem): Promise<string | undefined> {
    const { core, event } = this.#options;
    this.#openCount += 1;
    return this.#stream.send(core, key, event, data).then(
      () => {
        this.#settle(share);
        return undefined;
      },
      (thrown: unknown) => {
        const { code, message, effect } = fromUnknown(thrown);
        if (code === 'ERR_SESSION_LOST') this.#fail(lost(this.#state.base + this.#acked + 1));
        this.#refuse({ line, code, message, effect });
        this.#settle(share);
        return code;
      },
    );
  }

  async #sendAlone(item: JobItem): Promise<void> {
    await this.#settleAll();
    const refusal = await this.#send(item);
    if (refusal === undefined) this.#taken = Math.max(this.#taken, item.bytes ?? 0);
    if (refusal !== 'ERR_FRAME_TOO_LARGE') return;
    this.#state = { ...this.#state, base: this.#state.base + 1 };
    if (this.#stream.position) await this.#save(this.#stream.position);
  }

  #refuse(refusal: Refusal): void {
    this.#state = { ...this.#state, refusalCount: this.#state.refusalCount + 1 };
    if (this.#refusals.length < LISTED_MAX) this.#refusals.push(refusal);
    this.#options.onRefusal(refusal);
  }

  #settle(share: number): void {
    this.#openCount -= 1;
    this.#settledNow += 1;
    this.#share = Math.max(this.#share, share);
    this.#acked = Math.max(this.#acked, this.#stream.position?.acked ?? 0);
    this.#options.onProgress({ settled: this.#skipped + this.#settledNow, share: this.#share });
    this.#wake();
  }

  #wake(): void {
    this.#roomMade?.();
  }

  async #settleAll(): Promise<void> {
    await this.#stream.flush();
    // Promises of single events may settle after that of the flush.
    while (this.#openCount > 0) await new Promise<void>((resolve) => (this.#roomMade = resolve));
  }
}

function lost(from: number): GrainError {
  const message =
    `the session is gone, and with it the outcome of what was sent from event ${from} of the input on: ` +
    'it may or may not have taken effect';
  return new GrainError('ERR_SESSION_LOST', { message, from });
}
