// CommitWatch: sees, at the Redis server, which activation claimed and committed what, whatever the silos believe (P1).
//   - Epochs of a grain grow with each new owner.
//   - Only the owner's commits are stored, of the epoch that it claimed, each number once and in order. (An activation may
//     come to own its grain again, by a claim that was under way for long: in an epoch in which it never commits.)
import { CLAIM_SCRIPT, loadScript, RELEASE_SCRIPT } from '../../directory/index.ts';
import type { FakeReply } from '../support/fake-redis/index.ts';

const COMMIT = loadScript(new URL('../../silo/storage/redis/scripts/commit.lua', import.meta.url));

interface Head {
  owner: string;
  epoch: number;
  number: number;
}

export class CommitWatch {
  readonly violations: string[] = [];
  commits = 0;
  #heads = new Map<string, Head>();
  #isClosed = false;

  /** The server forgot some of what it had said: what it knows now is another history. */
  forget(): void {
    this.#heads = new Map();
  }

  /** Nothing may be committed any more: the data is gone, and nobody has said that it may be given up. */
  close(): void {
    this.#isClosed = true;
  }

  /** The operator said that it may be given up. */
  open(): void {
    this.#isClosed = false;
  }

  onScript(sha: string, keys: readonly string[], args: readonly string[], reply: FakeReply): void {
    const [key = ''] = keys;
    if (sha === CLAIM_SCRIPT.sha) this.#onClaim(key, args, reply);
    else if (sha === COMMIT.sha && typeof reply === 'number') this.#onCommit(key, args);
    else if (sha === RELEASE_SCRIPT.sha && reply === 1) this.#onRelease(key);
  }

  #onClaim(key: string, args: readonly string[], reply: FakeReply): void {
    if (!Array.isArray(reply) || reply[0] !== 'claimed') return;
    const [, epochText, view] = reply as readonly FakeReply[];
    const owner = `${args[1]}:${args[2]}:${String(view)}`;
    const epoch = Number(epochText);
    const known = this.#heads.get(key);
    if (!known) {
      this.#heads.set(key, { owner, epoch, number: 0 });
      return;
    }
    if (known.owner === owner) {
      if (known.epoch !== epoch) this.#say(`${key}: ${owner} had epoch ${known.epoch} and has ${epoch}`);
      return;
    }
    if (epoch <= known.epoch) this.#say(`${key}: epoch ${epoch} of ${owner} follows ${known.epoch}`);
    known.owner = owner;
    known.epoch = epoch;
    known.number = 0;
  }

  #onCommit(key: string, args: readonly string[]): void {
    this.commits += 1;
    if (this.#isClosed) this.#say(`${key}: a commit was stored after the data was lost`);
    const [, fence = '', text = ''] = args;
    const number = Number(text);
    const known = this.#heads.get(key);
    if (!known) {
      // Of a history before the loss: the first that is seen of it is taken as it is.
      const at = fence.lastIndexOf(':');
      this.#heads.set(key, { owner: fence.slice(0, at), epoch: Number(fence.slice(at + 1)), number });
      return;
    }
    const owner = known.owner === '' ? 'nobody' : `${known.owner}:${known.epoch}`;
    if (owner !== fence) this.#say(`${key}: ${fence} committed, ${owner} owns it`);
    if (number !== known.number + 1) this.#say(`${key}: commit ${number} follows ${known.number}`);
    known.number = number;
  }

  #onRelease(key: string): void {
    const known = this.#heads.get(key);
    if (known) known.owner = '';
  }

  #say(text: string): void {
    this.violations.push(text);
  }
}
