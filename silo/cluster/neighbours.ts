// What a silo knows of the cluster that it is part of, and asks of it. A process that is one by itself has none.
import type { GrainAddress, GrainDirectory, Lease } from '../../directory/index.ts';
import type { GrainId } from '../../lib/index.ts';
import type { CoreManifest } from '../cluster-client.ts';
import type { Envelope } from '../messaging/envelope.ts';
import type { StoredEmission } from '../storage/grain-storage.ts';

export interface Neighbours {
  readonly lease: Lease;
  /** Owners of grains whose memory is in no store (`volatile` Cores). */
  readonly directory: GrainDirectory;
  /** Cores of the whole cluster, by name. */
  manifests(): ReadonlyMap<string, CoreManifest>;
  /** What the silo believes when it claims. */
  claimView(): { readonly view: number; readonly living: ReadonlySet<string> };
  /** Whether a message to a grain that has no activation here is to be sent on; `hasLeft`: it had one until now. */
  isElsewhere(envelope: Envelope, grain: GrainId, hasLeft: boolean): boolean;
  /** Whether another silo was found to have the grain, a while ago. */
  isKnownElsewhere(grain: GrainId): boolean;
  /** Sends the message to where its grain is, or would be activated. Never throws; tells the envelope. */
  sendOn(envelope: Envelope, grain: GrainId): void;
  /** The same for a Core that this silo does not host: whoever hosts it finds the grain. */
  sendAway(envelope: Envelope): void;
  /** The directory said who has it. */
  toOwner(envelope: Envelope, owner: GrainAddress): void;
  /** Resolves when a view of at least this number is known, or cannot be had now. */
  refreshView(atLeast: number): Promise<void>;
  /** Undefined: an `exclusive` grain may start at once. Else resolves when no dead silo can start a turn any more. */
  exclusiveGate(): Promise<void> | undefined;
  /** A silo that can activate memory of this schema, as if it were the owner; undefined when there is no other. */
  hostOfSchema(grain: GrainId, schema: number): GrainAddress | undefined;
  /** Whether this silo looks after what belongs to a partition and nobody called for: reminders, outboxes. */
  isKeeperOf(partition: number): boolean;
  /** Whether this silo reads the bus for a Core that listens. */
  isReaderFor(core: string): boolean;
  /** A commit set a reminder of the partition: whoever keeps it should know. */
  reminderSet(partition: number, dueMs: number): void;
  /** Emissions of a volatile grain, for subscribers anywhere. */
  publishVolatile(grain: GrainId, emissionEpoch: number, emissions: readonly StoredEmission[]): void;
  /** A script found another generation, or none. */
  storeLost(): void;
  /** The silo's set of Cores changed. */
  coresChanged(): void;
}
