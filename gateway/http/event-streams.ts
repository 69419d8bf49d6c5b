// EventStreams: what grains emit, as Server-Sent Events.
// Owns: the open streams, their heartbeat and how much may wait in each. Does not own: emissions and cursors (the
// grain numbers and keeps them).
//   S1. At most `WINDOW` emissions, and `eventStreamBytes`, wait in one socket; a reader that stays behind is cut
//       off and resumes with its cursor.
//   S2. A refusal that comes before anything was sent is an HTTP error: an EventSource would come back for ever.
//   S3. One timer serves all streams; none is set while there are none.
import type { ServerResponse } from 'node:http';
import { type Clock, GrainError, type GrainId, toJson, toReport } from '../../lib/index.ts';
import type { ClusterClient, Emission, EmissionSink, Subscription } from '../../silo/index.ts';

const WINDOW = 32;
/** How long a subscription may take to refuse before the stream counts as open. */
const OPEN_AFTER_MS = 25;
const RETRY_MS = 2_000;
/** Heartbeats that a socket may stay full before its reader counts as gone. */
const STUCK_BEATS = 2;

export interface EventStreamRequest {
  readonly grain: GrainId;
  readonly event: string | undefined;
  readonly from: string | undefined;
  /** When the token ends, on the wall clock. */
  readonly expiresAtMs: number;
}

export interface EventStreamsOptions {
  readonly eventStreams: number;
  readonly eventStreamBytes: number;
  readonly heartbeatMs: number;
}

export class EventStreams {
  readonly #cluster: ClusterClient;
  readonly #clock: Clock;
  readonly #options: EventStreamsOptions;
  readonly #open = new Set<EventStream>();
  #isBeating = false;

  constructor(cluster: ClusterClient, clock: Clock, options: EventStreamsOptions) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * Streams into `response` until either side ends it. Resolves once the head is sent.
   * @throws ERR_LIMIT_REACHED, and whatever refuses the subscription
   */
  async open(request: EventStreamRequest, response: ServerResponse): Promise<void> {
    const { eventStreams: most } = this.#options;
    if (this.#open.size >= most) throw new GrainError('ERR_LIMIT_REACHED', { limit: 'eventStreams', most });
    const stream = new EventStream(response, request.expiresAtMs, this.#options.eventStreamBytes);
    this.#open.add(stream);
    response.on('close', () => {
      this.#open.delete(stream);
      stream.cancel();
    });
    try {
      stream.subscription = this.#cluster.subscribe(
        request.grain,
        { event: request.event, from: request.from, credit: WINDOW },
        stream,
      );
      const timer = this.#clock.setTimer(OPEN_AFTER_MS, () => stream.begin());
      await stream.begun.finally(() => timer.cancel());
    } catch (thrown) {
      this.#open.delete(stream);
      stream.cancel();
      throw thrown;
    }
    this.#beat();
  }

  /** Ends all streams; their readers come back, here or elsewhere, with their cursor. */
  endAll(): void {
    for (const stream of this.#open) stream.finish(new GrainError('ERR_SILO_DRAINING'));
  }

  #beat(): void {
    if (this.#isBeating || this.#open.size === 0) return;
    this.#isBeating = true;
    this.#clock.setTimer(this.#options.heartbeatMs, () => {
      this.#isBeating = false;
      for (const stream of this.#open) stream.beat(this.#clock.wallMs());
      this.#beat();
    });
  }
}

class EventStream implements EmissionSink {
  subscription: Subscription | undefined = undefined;
  /** Resolves when the head is sent; rejects when the subscription was refused before. */
  readonly begun: Promise<void>;
  readonly #response: ServerResponse;
  readonly #expiresAtMs: number;
  readonly #bytesMax: number;
  #state: 'opening' | 'open' | 'ended' = 'opening';
  #hasBegun: () => void = () => undefined;
  #hasFailed: (error: GrainError) => void = () => undefined;
  /** Emissions written since credit was last given back. */
  #owed = 0;
  #fullBeats = 0;

  constructor(response: ServerResponse, expiresAtMs: number, bytesMax: number) {
    this.#response = response;
    this.#expiresAtMs = expiresAtMs;
    this.#bytesMax = bytesMax;
    this.begun = new Promise((resolve, reject) => {
      this.#hasBegun = resolve;
      this.#hasFailed = reject;
    });
    response.on('drain', () => this.#giveBack());
  }

  begin(): void {
    if (this.#state !== 'opening') return;
    this.#state = 'open';
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-cache, no-transform',
      'X-Accel-Buffering': 'no',
    });
    this.#response.write(`retry: ${RETRY_MS}\n\n`);
    this.#hasBegun();
  }

  push(emission: Emission): void {
    this.#owed += 1;
    const { cursor, event, data } = emission;
    this.#write(`id: ${cursor}\nevent: ${oneLine(event)}\ndata: ${toJson(data)}\n\n`);
    // Given back in halves: a grant for every emission would double the messages between us and the grain.
    if (this.#owed >= WINDOW / 2 && !this.#response.writableNeedDrain) this.#giveBack();
  }

  gap(from: string, to: string): void {
    this.#write(`id: ${to}\nevent: gap\ndata: ${toJson({ from, to })}\n\n`);
  }

  end(error: GrainError): void {
    if (this.#state === 'opening') {
      this.#state = 'ended';
      this.#hasFailed(error);
    } else this.finish(error);
  }

  /** Ends an open stream with the reason. */
  finish(error: GrainError): void {
    this.begin();
    if (this.#state === 'ended') return;
    this.#write(`event: end\ndata: ${toJson(toReport(error))}\n\n`);
    this.#state = 'ended';
    this.#response.end();
    this.cancel();
  }

  cancel(): void {
    if (this.#state === 'opening') this.#hasBegun();
    this.#state = 'ended';
    const { subscription } = this;
    this.subscription = undefined;
    subscription?.cancel();
  }

  beat(wallMs: number): void {
    if (wallMs >= this.#expiresAtMs) return this.finish(new GrainError('ERR_AUTH_REQUIRED'));
    this.#fullBeats = this.#response.writableNeedDrain ? this.#fullBeats + 1 : 0;
    if (this.#fullBeats >= STUCK_BEATS) this.#response.destroy();
    else this.#write(':\n\n');
  }

  #write(text: string): void {
    this.begin();
    if (this.#state !== 'open') return;
    this.#response.write(text);
    if (this.#response.writableLength > this.#bytesMax) this.#response.destroy();
  }

  #giveBack(): void {
    const count = this.#owed;
    this.#owed = 0;
    if (count > 0) this.subscription?.grant(count);
  }
}

/** A line break in a name would start another field. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
