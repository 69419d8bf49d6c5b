// Pipelines: requests that follow each other on one connection without waiting for answers.
// Owns: how many of a connection are under way, and that each of them hears of its end. Does not own: the order of
// answers, which node:http keeps.
//   L1. At most `UNDER_WAY_MAX` requests of a connection are under way: a caller who reads no answers makes no more.
//   L2. Every response that was begun emits `close` once. node:http forgets those whose turn to answer had not come when
//       their connection ended.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Fifo } from '../../lib/index.ts';

/** Clients that pipeline at all have a few under way. */
const UNDER_WAY_MAX = 32;

type Begin = (request: IncomingMessage, response: ServerResponse) => void;

interface Pipeline {
  readonly underWay: Set<ServerResponse>;
  /** Read already, and not begun; node:http stops reading soon after. */
  waiting: Fifo<readonly [IncomingMessage, ServerResponse]> | undefined;
}

export class Pipelines {
  readonly #begin: Begin;
  readonly #bySocket = new WeakMap<object, Pipeline>();

  constructor(begin: Begin) {
    this.#begin = begin;
  }

  /** Begins the request now, or when others of its connection have ended. Whoever begins it calls `left` at its end. */
  enter(request: IncomingMessage, response: ServerResponse): void {
    const pipeline = this.#bySocket.get(request.socket) ?? this.#open(request);
    if (pipeline.underWay.size >= UNDER_WAY_MAX) {
      (pipeline.waiting ??= new Fifo()).push([request, response]);
      return;
    }
    pipeline.underWay.add(response);
    this.#begin(request, response);
  }

  /** The response has closed. */
  left(request: IncomingMessage, response: ServerResponse): void {
    const pipeline = this.#bySocket.get(request.socket);
    if (!pipeline?.underWay.delete(response)) return;
    const next = request.socket.destroyed ? undefined : pipeline.waiting?.shift();
    if (next) this.enter(...next);
  }

  #open({ socket }: IncomingMessage): Pipeline {
    const pipeline: Pipeline = { underWay: new Set(), waiting: undefined };
    this.#bySocket.set(socket, pipeline);
    socket.once('close', () => {
      pipeline.waiting = undefined;
      for (const response of pipeline.underWay) {
        if (response.socket) continue; // its turn has come, so node:http tells it
        response.destroy();
        response.emit('close');
      }
    });
    return pipeline;
  }
}
