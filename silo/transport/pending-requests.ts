// PendingRequests: what was asked over a link and has no answer yet.
//   Q1. A number is in use once at a time, and comes again only after 65,536 uses of its place: an answer that comes late,
//       after its request was cancelled, meets no other request.
//   Q2. Who takes a request out, answers it: so it is answered once.
import type { LinkRequest } from './link-messages.ts';
import type { LongMessage } from './outlet.ts';

/** In place of the number of a region: not in a region yet. */
export const NOT_WRITTEN = Infinity;

export class PendingRequests {
  readonly #requests: (LinkRequest | undefined)[] = [];
  readonly #generations: number[] = [];
  /** Number of the region that the request was written to. */
  readonly #regions: number[] = [];
  readonly #long: (LongMessage | undefined)[] = [];
  readonly #free: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Answers the request's number. */
  add(request: LinkRequest): number {
    const free = this.#free.pop();
    const place = free ?? this.#requests.length;
    if (free === undefined) {
      this.#generations.push(0);
      this.#requests.push(request);
      this.#regions.push(NOT_WRITTEN);
      this.#long.push(undefined);
    } else {
      this.#requests[place] = request;
      this.#regions[place] = NOT_WRITTEN;
    }
    this.#count += 1;
    return (((this.#generations[place] ?? 0) << 16) | place) >>> 0;
  }

  get(number: number): LinkRequest | undefined {
    const place = number & 0xffff;
    return this.#generations[place] === number >>> 16 ? this.#requests[place] : undefined;
  }

  written(number: number, region: number, long: LongMessage | undefined): void {
    const place = number & 0xffff;
    this.#regions[place] = region;
    this.#long[place] = long;
  }

  longOf(number: number): LongMessage | undefined {
    return this.#long[number & 0xffff];
  }

  isWritten(number: number): boolean {
    const place = number & 0xffff;
    return this.#regions[place] !== NOT_WRITTEN || this.#long[place] !== undefined;
  }

  /** The request of that number, which is answered now; undefined: it was answered or cancelled. */
  take(number: number): LinkRequest | undefined {
    const request = this.get(number);
    if (!request) return undefined;
    const place = number & 0xffff;
    this.#requests[place] = undefined;
    this.#long[place] = undefined;
    this.#generations[place] = ((this.#generations[place] ?? 0) + 1) & 0xffff;
    this.#free.push(place);
    this.#count -= 1;
    return request;
  }

  /** Takes all out. `handed`: regions that the stream got. */
  takeAll(handed: number, tell: (request: LinkRequest, wasSent: boolean) => void): void {
    const all = this.#requests.slice();
    for (let place = 0; place < all.length; place += 1) {
      const request = all[place];
      if (!request) continue;
      const long = this.#long[place];
      const wasSent = long ? long.isWhole : (this.#regions[place] ?? NOT_WRITTEN) < handed;
      this.#requests[place] = undefined;
      this.#long[place] = undefined;
      this.#count -= 1;
      tell(request, wasSent);
    }
  }
}
