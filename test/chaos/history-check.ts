// The checker: what clients were told, against what the accounts keep. Pure, so that it can be shown planted faults.
//   K1. Every acknowledged event and call took effect exactly once.
//   K2. What was refused as `none` took no effect; what took effect was sent.
//   K3. Changes of one source to one account are in the order in which they were sent.
//   K4. Epochs never go back, and each is of one process: no two activations commit side by side.
//   K5. The count that an activation carries in its memory agrees with the list that the store keeps.
import type { Change } from './chaos-cores.ts';

/** What one source did to one account, as it was told. */
export interface Told {
  readonly source: string;
  readonly account: string;
  /** Numbers that were sent, 1 to this. */
  sent: number;
  readonly acked: Set<number>;
  /** Surely not executed. */
  readonly refused: Set<number>;
  /** Nobody can say. */
  readonly unknown: Set<number>;
}

export interface Violation {
  readonly kind: string;
  readonly account: string;
  readonly detail: string;
}

export interface CheckResult {
  readonly changes: number;
  readonly epochs: number;
  readonly violations: readonly Violation[];
}

export function checkHistories(
  told: Iterable<Told>,
  histories: ReadonlyMap<string, readonly Change[]>,
): CheckResult {
  const violations: Violation[] = [];
  const tell = (kind: string, account: string, detail: string): void => {
    violations.push({ kind, account, detail });
  };
  const byAccount = new Map<string, Map<string, Told>>();
  for (const one of told) {
    const sources = byAccount.get(one.account) ?? new Map<string, Told>();
    byAccount.set(one.account, sources.set(one.source, one));
  }
  let changes = 0;
  let epochs = 0;
  for (const [account, sources] of byAccount) {
    const history = histories.get(account);
    if (!history) {
      tell('unread', account, 'its changes could not be read');
      continue;
    }
    changes += history.length;
    const report = (kind: string, detail: string): void => tell(kind, account, detail);
    epochs += checkOwners(history, report);
    checkCounts(history, report);
    checkSources(history, sources, report);
  }
  return { changes, epochs, violations };
}

type Report = (kind: string, detail: string) => void;

function checkOwners(history: readonly Change[], report: Report): number {
  const owners = new Map<number, string>();
  let last = 0;
  for (const { epoch, process, at } of history) {
    if (epoch < last) report('epoch back', `change ${at} is of epoch ${epoch}, the one before of ${last}`);
    last = Math.max(last, epoch);
    const owner = owners.get(epoch);
    if (owner === undefined) owners.set(epoch, process);
    else if (owner !== process)
      report('two owners', `epoch ${epoch} is of processes ${owner} and ${process}`);
  }
  return owners.size;
}

function checkCounts(history: readonly Change[], report: Report): void {
  for (const [index, { at }] of history.entries()) {
    if (at === index + 1) continue;
    report('count', `change ${index + 1} of the list says that it is number ${at}`);
    return;
  }
}

function checkSources(history: readonly Change[], sources: ReadonlyMap<string, Told>, report: Report): void {
  const applied = new Map<string, number[]>();
  for (const { source, n } of history) {
    const numbers = applied.get(source);
    if (numbers) numbers.push(n);
    else applied.set(source, [n]);
  }
  for (const [source, numbers] of applied) {
    if (!sources.has(source)) report('not sent', `${numbers.length} changes of ${source}, which sent none`);
  }
  for (const [source, told] of sources) checkSource(told, applied.get(source) ?? [], report);
}

function checkSource(
  { source, sent, acked, refused }: Told,
  numbers: readonly number[],
  report: Report,
): void {
  const seen = new Set<number>();
  let last = 0;
  for (const n of numbers) {
    if (seen.has(n)) report('doubled', `${source} ${n} took effect twice`);
    else if (n < last) report('reordered', `${source} ${n} took effect after ${last}`);
    seen.add(n);
    last = Math.max(last, n);
    if (n > sent) report('not sent', `${source} ${n} took effect, and ${sent} were sent`);
    if (refused.has(n))
      report('refused, applied', `${source} ${n} was refused as not executed, and took effect`);
  }
  const lost = [...acked].filter((n) => !seen.has(n));
  if (lost.length > 0) {
    report('lost', `${source} ${lost.slice(0, 5).join(', ')}: acknowledged, ${lost.length} without effect`);
  }
}
