// Asks from process to process: Granary with all that is between a reference and a grain, bare TCP with msgpackr, and
// moleculer over its TCP transporter. What comes back is what was sent, added to what the key holds.
import { ServiceBroker } from 'moleculer';
import { freePort } from '../../test/support/redis-server.ts';
import { check, type Setting } from '../bench.ts';
import { byCallers } from '../load/callers.ts';
import { Remote } from '../remote.ts';
import { closeAll, cpuMsOf, join, placeOf, spawnSilo } from './cluster-members.ts';
import { keepRedis } from './kept-redis.ts';
import { meterCore } from './meter.ts';
import { openFloorAsker } from './remote-echo.ts';
import { at, keysOf } from './totals.ts';

export const KEYS = 1_000;

export interface Asks {
  /** Asks the key at `index`. @throws BenchError when the answer is not right */
  ask(index: number, amount: number): Promise<void>;
  /** CPU time of the process that is asked, where it tells. */
  otherCpuMs?(): Promise<number>;
  close(): Promise<void>;
}

/** What the key at `index` holds; differs, so that an answer of another grain is found. */
const heldBy = (index: number): number => 1 + index * 7;

function checkAnswer(answered: number, expected: number): void {
  check(answered === expected, `answered ${answered}, expected ${expected}`);
}

/** One silo, and this process as a member that hosts nothing. No ask gets as far as Redis. */
export async function openGrainAsks(setting: Setting): Promise<Asks> {
  const redis = await keepRedis(setting, 'everysec');
  const place = placeOf(setting, redis);
  const silo = await spawnSilo(place);
  const caller = await join(place);
  const core = meterCore({ level: 'committed' });
  const refs = keysOf(KEYS).map((key) => caller.client.ref(core, key, {}));
  await byCallers(KEYS, 64, (index) => at(refs, index).add(heldBy(index)));
  return {
    async ask(index, amount) {
      const { total } = await at(refs, index).peek({ amount });
      checkAnswer(total, heldBy(index) + amount);
    },
    otherCpuMs: () => cpuMsOf([silo]),
    close: () => closeAll([redis, silo, { close: () => caller.stop() }]),
  };
}

/** The floor: it holds nothing. */
export async function openBareAsks(): Promise<Asks> {
  const asker = await openFloorAsker();
  const keys = keysOf(KEYS);
  return {
    async ask(index, amount) {
      const answered = await new Promise<number>((resolve) => asker.ask(at(keys, index), amount, resolve));
      checkAnswer(answered, amount);
    },
    close: () => asker.close(),
  };
}

// ---- moleculer ----

const NODES = ['bench-caller', 'bench-server'] as const;

interface NodeOptions {
  readonly nodeID: (typeof NODES)[number];
  readonly ports: readonly number[];
}

function brokerFor({ nodeID, ports }: NodeOptions): ServiceBroker {
  // Named addresses instead of multicast: nothing else on this network is met.
  const urls = NODES.map((node, index) => `tcp://127.0.0.1:${at(ports, index)}/${node}`);
  const options = { udpDiscovery: false, useHostname: false, port: at(ports, NODES.indexOf(nodeID)), urls };
  return new ServiceBroker({ nodeID, logger: false, transporter: { type: 'TCP', options } });
}

interface PeekParams {
  readonly key: string;
  readonly amount: number;
}

/** Called in the other process. */
export async function openMoleculerServer(options: NodeOptions): Promise<{ close(): Promise<void> }> {
  const broker = brokerFor(options);
  const totals = new Map(keysOf(KEYS).map((key, index) => [key, heldBy(index)]));
  broker.createService({
    name: 'meter',
    actions: {
      peek: ({ params }: { readonly params: PeekParams }) => ({
        total: (totals.get(params.key) ?? 0) + params.amount,
      }),
    },
  });
  await broker.start();
  return { close: () => broker.stop() };
}

export async function openMoleculerAsks(): Promise<Asks> {
  const ports = [await freePort(), await freePort()];
  const options: NodeOptions = { nodeID: 'bench-server', ports };
  const server = await Remote.open({
    module: import.meta.url,
    exported: 'openMoleculerServer',
    args: [options],
  });
  const broker = brokerFor({ nodeID: 'bench-caller', ports });
  await broker.start();
  await broker.waitForServices('meter', 30_000);
  const keys = keysOf(KEYS);
  return {
    async ask(index, amount) {
      const answer = await broker.call<{ total: number }, PeekParams>('meter.peek', {
        key: at(keys, index),
        amount,
      });
      checkAnswer(answer.total, heldBy(index) + amount);
    },
    close: () => closeAll([server, { close: () => broker.stop() }]),
  };
}
