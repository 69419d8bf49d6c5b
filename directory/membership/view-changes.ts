// How a view becomes the next one: pure, so that a compare-and-set that lost can be decided again on what won.
import type { HostedCore, Member, MembershipView, MemberState } from './membership-view.ts';
import { isLiving, memberOf } from './membership-view.ts';
import type { ViewBody } from './view-codec.ts';

/** How long the dead stay listed, by the clock of whoever forgets them. */
export const DEAD_KEPT_MS = 2 * 60 * 60_000;

/** A member as it describes itself when it joins. */
export type Candidate = Pick<Member, 'incarnation' | 'name' | 'host' | 'port' | 'cores'>;
/** Manifests of the Cores that a member brings along, by digest. */
export type Manifests = Readonly<Record<string, unknown>>;
/** What is to become of a view; undefined: it is as it should be. */
export type Change = (view: MembershipView) => ViewBody | undefined;

/** States only move on, in this order. */
const RANK: Readonly<Record<MemberState, number>> = { joining: 0, active: 1, draining: 2, dead: 3 };

export function join(candidate: Candidate, manifests: Manifests): Change {
  const { incarnation, name, host, port, cores } = candidate;
  return (view) => {
    // Ours already: the answer to an earlier try was lost.
    if (memberOf(view, incarnation)) return undefined;
    const joinedView = view.number + 1;
    const member: Member = { incarnation, name, host, port, state: 'joining', joinedView, cores };
    return { members: [...view.members, member], manifests: { ...view.manifests, ...manifests } };
  };
}

/** From joining or active; who is further on stays there. */
export function advance(incarnation: string, state: 'active' | 'draining'): Change {
  return (view) =>
    changed(view, incarnation, (member) =>
      RANK[member.state] < RANK[state] ? { ...member, state } : undefined,
    );
}

export function setCores(incarnation: string, cores: readonly HostedCore[], manifests: Manifests): Change {
  return (view) => {
    const next = changed(view, incarnation, (member) => {
      const isSame = JSON.stringify(member.cores) === JSON.stringify(cores);
      return isLiving(member) && !isSame ? { ...member, cores } : undefined;
    });
    return next && { ...next, manifests: { ...view.manifests, ...manifests } };
  };
}

export function leave(incarnation: string): Change {
  return (view) => changed(view, incarnation, (member) => dead(member, 'left', 'it stopped'));
}

/** `isStill`: asked before each try, which may be long after the verdict. */
export function declareDead(incarnation: string, reason: string, isStill: () => boolean): Change {
  return (view) =>
    changed(view, incarnation, (member) => (isStill() ? dead(member, 'declared', reason) : undefined));
}

export function bury(incarnation: string): Change {
  return (view) =>
    changed(view, incarnation, (member) =>
      member.death && !member.death.isBuried
        ? { ...member, death: { ...member.death, isBuried: true } }
        : undefined,
    );
}

/** Without the dead that may be forgotten, and without manifests that nobody hosts. */
export function tidied({ members, manifests }: ViewBody, mayForget: (member: Member) => boolean): ViewBody {
  const kept = members.filter((member) => isLiving(member) || !mayForget(member));
  const hosted = new Set(kept.flatMap(({ cores }) => cores.map(({ manifest }) => manifest)));
  const entries = Object.entries(manifests).filter(([digest]) => hosted.has(digest));
  return { members: kept, manifests: Object.fromEntries(entries) };
}

/** Whom `view` shows alive though it was dead before: only a failover that lost writes does that. */
export function revived(view: MembershipView, wasDead: (incarnation: string) => boolean): readonly Member[] {
  return view.members.filter((member) => isLiving(member) && wasDead(member.incarnation));
}

/**
 * The record, or, where the store went back behind what was `known` (a failover that lost the last writes), what both
 * together say: numbers never go back, and each member is as far on as either of them has it (V1, V2).
 */
export function reconciled(
  record: MembershipView,
  known: MembershipView,
  wasDead: (incarnation: string) => boolean,
): MembershipView {
  const isBehind =
    record.number < known.number || (record.number === known.number && record.stamp !== known.stamp);
  if (!isBehind && revived(record, wasDead).length === 0) return record;
  const members = record.members.map((member) => {
    const other = isBehind ? memberOf(known, member.incarnation) : undefined;
    const further = other && RANK[other.state] > RANK[member.state] ? other : member;
    if (!wasDead(member.incarnation)) return further;
    return dead(further, 'declared', 'the store went back to a time before its death') ?? further;
  });
  const missing = isBehind ? known.members.filter(({ incarnation }) => !memberOf(record, incarnation)) : [];
  return {
    number: Math.max(record.number, known.number),
    generation: record.generation,
    stamp: record.stamp,
    members: [...members, ...missing],
    manifests: { ...known.manifests, ...record.manifests },
  };
}

function dead(member: Member, cause: 'left' | 'declared', reason: string): Member | undefined {
  if (!isLiving(member)) return undefined;
  return { ...member, state: 'dead', cores: [], death: { reason, cause, isBuried: cause === 'left' } };
}

function changed(
  view: MembershipView,
  incarnation: string,
  change: (member: Member) => Member | undefined,
): ViewBody | undefined {
  const member = memberOf(view, incarnation);
  const next = member && change(member);
  if (!next) return undefined;
  const members = view.members.map((each) => (each === member ? next : each));
  return { members, manifests: view.manifests };
}
