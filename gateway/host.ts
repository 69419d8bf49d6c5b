// The all-in-one host: storage, silo and gateway in this process, put together, started and stopped in order.
//   H1. What was started is stopped in the opposite order, also when a later part fails to start.
//   H2. `stop` lets clients go first, then running turns, and closes the storage last: nothing acknowledged is lost.
import { pino } from 'pino';
import { type AnyCore, type Clock, type GrainRef, type Logger, type Rng } from '../lib/index.ts';
import type { IRModule } from '../lib/lang/index.ts';
import {
  type CheckpointStore,
  programCores,
  type ProgramParts,
  Silo,
  type SiloOptions,
} from '../silo/index.ts';
import { openCheckpoints } from './checkpoint-folder.ts';
import { Gateway, type GatewayOptions } from './gateway.ts';
import { openStorage } from './host-storage.ts';
import { systemClock, systemRng, watchProcess } from './system-process.ts';

export interface HostOptions extends GatewayOptions {
  /** What it hosts; more can follow with `host.silo.host(core)`. @default [] */
  readonly cores?: readonly AnyCore[] | undefined;
  /** Compiled programs that it hosts, too. @default [] */
  readonly programs?: readonly IRModule[] | undefined;
  /**
   * What programs may use: models, plugins, configuration. The store of their checkpoints is closed when the host stops; where
   * none is named it is a part of the data folder.
   */
  readonly programParts?: ProgramParts | undefined;
  /** Folder of the durable store, or `'memory'` to keep nothing. One process at a time. @default '.granary' */
  readonly data?: string | undefined;
  /** What to do when the folder once had a store and it is gone. @default 'refuse' */
  readonly onDataLoss?: 'refuse' | 'start_empty' | undefined;
  /** Bounds of the silo. */
  readonly silo?: SiloOptions | undefined;
  /** Where it logs. @default JSON lines on standard error, from `info` up */
  readonly log?: Logger | undefined;
}

export interface Host {
  /** `http://host:port` */
  readonly url: string;
  /** `ws://host:port/v1/stream` */
  readonly stream: string;
  readonly pid: number;
  readonly silo: Silo;
  readonly gateway: Gateway;
  /** Rows of suspended executions, for people who look for them. */
  readonly checkpoints: CheckpointStore;
  /** A grain, called from this process without a network between. */
  ref<C extends AnyCore>(core: C | string, key?: string | number): GrainRef<C>;
  /** Drains and stops everything; calling it again waits for the same stop. */
  stop(): Promise<void>;
}

export const DATA_FOLDER = '.granary';

/** Starts silo and gateway in this process. @throws ERR_STORE_*, ERR_LISTEN_FAILED, ERR_OPTION_INVALID, ERR_CORE_INVALID */
export async function startHost(options: HostOptions = {}): Promise<Host> {
  const {
    cores = [],
    programs = [],
    programParts = {},
    data = DATA_FOLDER,
    onDataLoss,
    silo: siloOptions,
    log = stderrLog(),
    ...rest
  } = options;
  const system = { clock: systemClock, rng: systemRng, log };
  const opened = await openStorage(data, { ...system, onDataLoss });
  const gauges = watchProcess();
  const checkpoints = programParts.checkpoints ?? openCheckpoints(data);
  let silo: Silo | undefined;
  try {
    silo = new Silo({ ...opened, ...system, ...gauges }, siloOptions);
    for (const core of cores) silo.host(core);
    for (const module of programs)
      for (const core of programCores(module, { ...programParts, checkpoints })) silo.host(core);
    return await open({ silo, checkpoints, stopGauges: gauges.stop }, system, rest);
  } catch (thrown) {
    gauges.stop();
    // The silo closes the storage that it was given.
    await (silo?.stop() ?? opened.storage.close());
    await checkpoints.close();
    throw thrown;
  }
}

interface System {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

interface Opened {
  readonly silo: Silo;
  readonly checkpoints: CheckpointStore;
  readonly stopGauges: () => void;
}

async function open(
  { silo, checkpoints, stopGauges }: Opened,
  system: System,
  gatewayOptions: GatewayOptions,
): Promise<Host> {
  const gateway = new Gateway({ cluster: silo, ...system }, gatewayOptions);
  await silo.start();
  const { url, stream } = await gateway.start();
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await gateway.stop();
    await silo.stop();
    await checkpoints.close();
    stopGauges();
  };
  return {
    url,
    stream,
    pid: process.pid,
    silo,
    gateway,
    checkpoints,
    ref: (core, key) => silo.ref(core, key),
    stop: () => (stopping ??= stop()),
  };
}

/** Written at once: what is logged last is what one wants to read after a crash. */
export function stderrLog(): Logger {
  return pino({ level: 'info' }, pino.destination({ dest: 2, sync: true }));
}
