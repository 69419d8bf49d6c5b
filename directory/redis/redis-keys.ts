// Names of everything that Granary keeps in Redis. Each key carries a hash tag, so that what one script touches lies in
// one slot of a Redis Cluster: `{<cluster>:p17}` for what belongs to grains of a partition, `{<cluster>}` for the rest.
// Parts of a grain's name are length-prefixed (in characters), so that no name can spell another one (hazards.md 23).
import { GrainError, type GrainId, isName } from '../../lib/index.ts';
import { partitionOf } from '../partition.ts';

export class RedisKeys {
  readonly cluster: string;

  /** @throws ERR_OPTION_INVALID when the name of the cluster could be mistaken in a key */
  constructor(cluster: string) {
    if (!isName(cluster)) throw new GrainError('ERR_OPTION_INVALID', { option: 'cluster', got: cluster });
    this.cluster = cluster;
  }

  /** Common prefix of everything in a partition. */
  partition(partition: number): string {
    return `{${this.cluster}:p${partition}}`;
  }

  /** STRING: the generation in which the partition was made; absent = the store lost it. */
  generation(partition: number): string {
    return `${this.partition(partition)}:generation`;
  }

  /**
   * HASH: the head of a grain: its directory entry and everything that a claim loads. Fields:
   *   o   owner, as `<incarnation>:<activation>:<view>`; absent when there is none
   *   e   epoch, decimal; never removed
   *   n   number of the last commit of the owner's activation; a claim sets it to 0
   *   s   schema of the values; absent before the first commit
   *   x   number of the last emission; xe: its emission epoch
   *   v…  value field, m… mark by source, c… command by id, r… reminder by name: packed by the storage driver
   */
  head(grain: GrainId): string {
    return `${this.partition(partitionOf(grain))}:g:${grainPart(grain)}`;
  }

  /** HASH (map) or LIST (list): entries of a collection; for maps `mapOrder` has the same keys as a ZSET, for scans. */
  collection(grain: GrainId, field: string): string {
    return `${this.partition(partitionOf(grain))}:f:${grainPart(grain)}:${field}`;
  }

  mapOrder(grain: GrainId, field: string): string {
    return `${this.partition(partitionOf(grain))}:k:${grainPart(grain)}:${field}`;
  }

  /** LIST: emissions that the grain retains, oldest first. */
  emissions(grain: GrainId): string {
    return `${this.partition(partitionOf(grain))}:x:${grainPart(grain)}`;
  }

  /** Channel: durable emissions are published on it by the commit that stores them; others by their owner. */
  emissionChannel(grain: GrainId): string {
    return `${this.partition(partitionOf(grain))}:xc:${grainPart(grain)}`;
  }

  /** LIST: emissions of the partition that are not in the bus's log yet (outbox). */
  outbox(partition: number): string {
    return `${this.partition(partition)}:outbox`;
  }

  /** ZSET: reminders of the partition by due time. */
  reminders(partition: number): string {
    return `${this.partition(partition)}:due`;
  }

  /** Whatever belongs to the cluster as a whole, all in one slot. */
  shared(name: string): string {
    return `{${this.cluster}}:${name}`;
  }

  /** STRING on a lock node: the session of an incarnation. */
  session(incarnation: string): string {
    return `{${this.cluster}}:session:${incarnation}`;
  }
}

function grainPart({ tenant, core, key }: GrainId): string {
  return `${tenant.length}:${tenant}:${core.length}:${core}:${key.length}:${key}`;
}
