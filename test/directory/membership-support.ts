// What the tests of membership share: clocks that tests move, and a cluster of memberships around one record.
import {
  type Candidate,
  Membership,
  type MembershipOptions,
  type MembershipView,
  MemoryMembershipTable,
} from '../../directory/index.ts';
import { FakeClock, type Logger, SeededRng } from '../../lib/index.ts';
import { macrotask } from '../support/system-macrotask.ts';

export const GENERATION = 'g1';

export function fakeClock(): FakeClock {
  return new FakeClock({ defer: (run) => void macrotask().then(run) });
}

export interface LogLine {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** A log that keeps what it is told. */
export function keptLog(): Logger & { readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at =
    (level: string) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Lets time pass in small steps, with room for promises between them. */
export async function pass(clock: FakeClock, ms: number, stepMs = 10): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(Math.min(stepMs, ms - passed));
    await macrotask();
  }
}

/** The answer of `work`, letting time pass until it comes. */
export async function soon<T>(clock: FakeClock, work: Promise<T>, mostMs = 30_000): Promise<T> {
  let isSettled = false;
  const settle = (): void => void (isSettled = true);
  work.then(settle, settle);
  await macrotask();
  for (let passed = 0; !isSettled && passed < mostMs; passed += 5) {
    clock.advance(5);
    await macrotask();
  }
  if (!isSettled) throw new Error(`not settled after ${mostMs} ms`);
  return work;
}

export function emptyView(changes: Partial<MembershipView> = {}): MembershipView {
  return { number: 1, generation: GENERATION, stamp: 's1', members: [], manifests: {}, ...changes };
}

export function candidate(name: string, port = 7_000): Omit<Candidate, 'incarnation'> {
  return { name, host: '127.0.0.1', port, cores: [] };
}

/** Memberships of one cluster around one table, in one process. */
export class TestCluster {
  readonly clock = fakeClock();
  readonly log = keptLog();
  readonly table: MemoryMembershipTable;
  readonly members: Membership[] = [];

  constructor() {
    this.table = new MemoryMembershipTable(this.clock, emptyView());
  }

  membership(name: string, options: Partial<MembershipOptions> = {}): Membership {
    const membership = new Membership({
      table: this.table,
      incarnation: name,
      generation: GENERATION,
      clock: this.clock,
      rng: new SeededRng(this.members.length + 1),
      log: this.log,
      ...options,
    });
    this.members.push(membership);
    return membership;
  }

  /** One that is active, and so on good terms with all others. */
  async active(name: string, options: Partial<MembershipOptions> = {}): Promise<Membership> {
    const membership = this.membership(name, options);
    const come = async (): Promise<void> => {
      await membership.start();
      await membership.join(candidate(name, 7_000 + this.members.length), {});
      await membership.activate(() => true);
    };
    await soon(this.clock, come());
    return membership;
  }

  /** The states of all members in the record, by incarnation. */
  states(): Record<string, string> {
    const members = this.table.record?.members ?? [];
    return Object.fromEntries(members.map(({ incarnation, state }) => [incarnation, state]));
  }

  stop(): void {
    for (const membership of this.members) membership.stop();
  }
}
