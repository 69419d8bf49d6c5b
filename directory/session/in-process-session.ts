import type { Clock } from '../../lib/index.ts';
import { LeaseRenewer } from './lease-renewer.ts';
import type { LockNode } from './lock-node.ts';
import type { SessionTiming } from './session-timing.ts';
import { SiloSession } from './silo-session.ts';

export interface InProcessSessionOptions {
  readonly incarnation: string;
  readonly nodes: readonly LockNode[];
  readonly clock: Clock;
  readonly timing: SessionTiming;
  /** As in `SiloSessionOptions`. */
  readonly confirm?: () => Promise<boolean>;
  /** @default moves whenever the renewer runs: what shares a loop with it can't be stuck without it */
  readonly beat?: () => number;
}

/** A session whose renewer shares the main loop, for the simulator and tests: it pauses when that loop is busy. */
export function openInProcessSession(options: InProcessSessionOptions): SiloSession {
  const { incarnation, nodes, clock, timing, confirm } = options;
  let runs = 0;
  const beat = options.beat ?? (() => (runs += 1));
  const guardian = new LeaseRenewer({ incarnation, nodes, clock, timing, beat });
  return new SiloSession(confirm ? { guardian, clock, confirm } : { guardian, clock });
}
