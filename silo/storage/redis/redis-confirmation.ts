// RedisConfirmation: whether enough replicas have what was stored (WAIT), one call for all commits of a turn of the loop.
//   W1. A WAIT covers what its own connection wrote before it. Where the connection ended in between nothing is confirmed:
//       the commits are asked again, and found stored by whichever server is there then, or not.
import type { RedisClient } from '../../../directory/index.ts';
import type { PendingCommit } from './redis-commits.ts';

export interface ConfirmOptions {
  readonly replicas: number;
  readonly waitMs: number;
}

export interface ConfirmationParts extends ConfirmOptions {
  readonly client: RedisClient;
  /** `failure` undefined: they are confirmed. */
  readonly told: (commits: readonly PendingCommit[], failure: unknown) => void;
}

export class RedisConfirmation {
  readonly #parts: ConfirmationParts;
  #waiting: PendingCommit[] = [];
  /** Counts connections. */
  #connection = 0;

  constructor(parts: ConfirmationParts) {
    this.#parts = parts;
  }

  connectionEnded(): void {
    this.#connection += 1;
  }

  add(pending: PendingCommit): void {
    if (this.#waiting.push(pending) > 1) return;
    const connection = this.#connection;
    queueMicrotask(() => void this.#confirm(connection));
  }

  async #confirm(connection: number): Promise<void> {
    const { client, replicas, waitMs, told } = this.#parts;
    const batch = this.#waiting;
    this.#waiting = [];
    let failure: unknown;
    try {
      const count = await client.call('WAIT', [replicas, waitMs]);
      if (typeof count !== 'number' || count < replicas) {
        failure = new Error(`${String(count)} of ${replicas} replicas confirmed in ${waitMs} ms`);
      } else if (connection !== this.#connection) failure = new Error('the connection ended meanwhile');
    } catch (error) {
      failure = error;
    }
    told(batch, failure);
  }
}
