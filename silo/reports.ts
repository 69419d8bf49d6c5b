// What people are told of a silo: pure reads of its Cores.
import { type CoreDefinition, toJsonSchema } from '../lib/index.ts';
import { type CoreHost, isVolatileCore } from './catalog/core-host.ts';
import { TURN_BOUNDS_MS } from './catalog/turn-metrics.ts';
import type { CoreManifest, InstancePage, SiloReport } from './cluster-client.ts';

export function manifestOf(definition: CoreDefinition): CoreManifest {
  const { name, version, schema, description, instance, level } = definition;
  return Object.freeze({
    name,
    version,
    schema,
    description,
    mode: instance.mode,
    entityKey: instance.entityKey,
    level,
    ...(definition.isInternal === true ? { isInternal: true } : {}),
    isVolatile: isVolatileCore(definition),
    flows: [...definition.flows].map(([flowName, flow]) => ({
      name: flowName,
      readonly: flow.readonly,
      description: flow.description,
      input: toJsonSchema(flow.input),
      output: toJsonSchema(flow.output),
      ...(flow.isInternal === true ? { isInternal: true } : {}),
    })),
    events: Object.fromEntries(definition.events),
    on: Object.fromEntries(definition.on),
  });
}

/** Resident activations in key order; the cursor is the last key of the page. */
export function listInstances(
  host: CoreHost,
  tenant: string,
  silo: string,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
): InstancePage {
  const activations = host.table.ofTenant(tenant);
  const nowMs = host.clock.nowMs();
  const after = cursor ?? '';
  const keys = smallestAfter(activations.keys(), cursor === undefined ? undefined : after, limit + 1);
  const instances = keys.slice(0, limit).flatMap((key) => {
    const activation = activations.get(key);
    return activation ? [activation.report(silo, nowMs)] : [];
  });
  return { instances, cursor: keys.length > limit ? keys[limit - 1] : undefined };
}

/** The `count` smallest keys after `after`, in order. One pass and a bounded list, whatever the table's size. */
function smallestAfter(
  keys: IterableIterator<string>,
  after: string | undefined,
  count: number,
): readonly string[] {
  let smallest: string[] = [];
  for (const key of keys) {
    if (after !== undefined && key <= after) continue;
    smallest.push(key);
    if (smallest.length >= count * 2 + 64) smallest = smallest.sort().slice(0, count);
  }
  return smallest.sort().slice(0, count);
}

export interface SiloFacts {
  readonly silo: string;
  readonly incarnation: string;
  readonly state: 'active' | 'draining';
  readonly uptimeMs: number;
  readonly hosts: readonly CoreHost[];
  readonly nowMs: number;
  readonly activationBytes: number;
  readonly eventLoopDelayMs: number;
  readonly heapUsedBytes: number;
}

const SHOWN = 20;

export function reportSilo({ hosts, nowMs, ...facts }: SiloFacts): SiloReport {
  const sum = (count: (host: CoreHost) => number): number =>
    hosts.reduce((total, host) => total + count(host), 0);
  const mailboxes = hosts.flatMap(waitingMailboxes);
  const waiting = mailboxes.reduce((total, mailbox) => total + mailbox.waiting, 0);
  const turnsRunning = sum(({ metrics }) => metrics.turnsStarted - metrics.turnsEnded);
  return {
    ...facts,
    activations: sum(({ table }) => table.size),
    turnsStarted: sum(({ metrics }) => metrics.turnsStarted),
    turnsFailed: sum(({ metrics }) => metrics.turnsFailed),
    turnsRunning,
    messagesWaiting: waiting,
    commits: sum(({ metrics }) => metrics.commits),
    commitsFailed: sum(({ metrics }) => metrics.commitsFailed),
    commandsCutShort: sum(({ metrics }) => metrics.commandsCutShort),
    activated: sum(({ metrics }) => metrics.activated),
    deactivated: sumByReason(hosts),
    hottest: hosts
      .flatMap((host) => host.metrics.hottest(nowMs).map((hot) => ({ core: host.definition.name, ...hot })))
      .sort((left, right) => right.turns - left.turns)
      .slice(0, SHOWN),
    longestMailboxes: mailboxes.sort((left, right) => right.waiting - left.waiting).slice(0, SHOWN),
    slowest: hosts
      .flatMap((host) => host.metrics.slowest(nowMs).map((slow) => ({ core: host.definition.name, ...slow })))
      .sort((left, right) => right.ms - left.ms)
      .slice(0, SHOWN),
    turnMs: {
      bounds: TURN_BOUNDS_MS,
      counts: TURN_BOUNDS_MS.map((_bound, index) =>
        sum(({ metrics }) => metrics.turnMsCounts[index] ?? 0),
      ).concat(sum(({ metrics }) => metrics.turnMsCounts[TURN_BOUNDS_MS.length] ?? 0)),
      sum: sum(({ metrics }) => metrics.turnMsSum),
    },
  };
}

function waitingMailboxes(host: CoreHost): { core: string; key: string; waiting: number }[] {
  const core = host.definition.name;
  return [...host.table.contended].map(({ key, waiting }) => ({ core, key, waiting }));
}

function sumByReason(hosts: readonly CoreHost[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { metrics } of hosts) {
    for (const [reason, count] of metrics.deactivated) sums[reason] = (sums[reason] ?? 0) + count;
  }
  return sums;
}
