// RedisEmissions: what a grain retains of its emissions, and the channel on which everybody hears of new ones.
// A message is the header of commit-call.ts, and each emission behind its length: `12:…`. Messages get lost with a
// connection; who needs all of them reads what is retained from time to time.
import { loadScript, type RedisReply } from '../../../directory/index.ts';
import type { GrainId } from '../../../lib/index.ts';
import type { EmissionPage, StoredEmission } from '../grain-storage.ts';
import { grainName } from '../stored-keys.ts';
import { emissionHeader } from './commit-call.ts';
import type { PartitionTable } from './redis-claim.ts';
import { bytesAt } from './redis-head.ts';
import { readHeader } from './redis-log.ts';
import type { RedisRetry } from './redis-retry.ts';
import { corrupt, readEmission, spellEmission, textOf } from './redis-values.ts';

const READ = loadScript(new URL('./scripts/emissions-read.lua', import.meta.url));

export type OnEmissions = (emissionEpoch: number, emissions: readonly StoredEmission[]) => void;

export class RedisEmissions {
  readonly #retry: RedisRetry;
  readonly #partitions: PartitionTable;

  constructor(retry: RedisRetry, partitions: PartitionTable) {
    this.#retry = retry;
    this.#partitions = partitions;
  }

  async read(grain: GrainId, after: number, limit: number): Promise<EmissionPage> {
    const { client } = this.#retry;
    const { keys } = this.#partitions;
    const reply = (await this.#retry.ask(() =>
      client.run(READ, [keys.head(grain), keys.emissions(grain)], [after, Math.max(0, limit)]),
    )) as RedisReply[];
    const [emissionEpoch, first, last] = [0, 1, 2].map((at) => Number(textOf(bytesAt(reply, at))));
    const found = reply[3] as readonly Uint8Array[];
    return {
      emissionEpoch: emissionEpoch ?? 0,
      first: first ?? 1,
      last: last ?? 0,
      emissions: found.map(readEmission),
    };
  }

  listen(grain: GrainId, listener: OnEmissions, onReady?: () => void): () => void {
    const channel = this.#partitions.keys.emissionChannel(grain);
    const onMessage = (message: Uint8Array): void => {
      const { emissionEpoch, emissions } = readMessage(message);
      listener(emissionEpoch, emissions);
    };
    return this.#retry.client.subscribe(channel, onMessage, onReady);
  }

  async publish(grain: GrainId, emissionEpoch: number, emissions: readonly StoredEmission[]): Promise<void> {
    const { client } = this.#retry;
    const channel = this.#partitions.keys.emissionChannel(grain);
    await client.call('PUBLISH', [channel, spellMessage(grain, emissionEpoch, emissions)]);
  }
}

function spellMessage(
  grain: GrainId,
  emissionEpoch: number,
  emissions: readonly StoredEmission[],
): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(emissionHeader(grainName(grain), emissionEpoch))];
  for (const emission of emissions) {
    const bytes = Buffer.from(spellEmission(emission));
    parts.push(Buffer.from(`${bytes.length}:`), bytes);
  }
  return Buffer.concat(parts);
}

const COLON = 58;

/** @throws ERR_STORE_CORRUPT */
export function readMessage(message: Uint8Array): {
  emissionEpoch: number;
  emissions: readonly StoredEmission[];
} {
  const { header, end } = readHeader(message, 0);
  const emissions: StoredEmission[] = [];
  for (let at = end; at < message.length;) {
    const colon = message.indexOf(COLON, at);
    const length = Number(textOf(message, at, colon));
    if (colon < 0 || !(length > 0)) throw corrupt('a message is not of its shape');
    emissions.push(readEmission(message.subarray(colon + 1, colon + 1 + length)));
    at = colon + 1 + length;
  }
  return { emissionEpoch: header.emissionEpoch, emissions };
}
