// A view as text (the record in the store) and as plain data (pushed by a peer). Nothing that comes in is trusted: a
// damaged record or a hostile frame is told from a view here, and nowhere else.
import type { Death, HostedCore, Member, MembershipView, MemberState } from './membership-view.ts';

const STATES: readonly unknown[] = ['joining', 'active', 'draining', 'dead'] satisfies MemberState[];
const CAUSES: readonly unknown[] = ['left', 'declared'] satisfies Death['cause'][];
/** Far above any cluster; keeps a damaged or hostile list from filling the memory of each silo. */
const MEMBERS_MAX = 100_000;

/** The part of a view that is stored packed; number, generation and stamp are fields of their own beside it. */
export type ViewBody = Pick<MembershipView, 'members' | 'manifests'>;

export function packBody({ members, manifests }: ViewBody): string {
  return JSON.stringify({ members, manifests });
}

/** Undefined: not a packed body. */
export function unpackBody(text: string): ViewBody | undefined {
  try {
    return bodyFrom(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The view that plain data of a peer tells of; undefined: it is none. */
export function viewFrom(data: unknown): MembershipView | undefined {
  if (!isRecord(data)) return undefined;
  const { number, generation, stamp } = data;
  const body = bodyFrom(data);
  if (!body || !isCount(number) || !isText(generation) || !isText(stamp)) return undefined;
  return { number, generation, stamp, ...body };
}

function bodyFrom(data: unknown): ViewBody | undefined {
  if (!isRecord(data) || !isRecord(data['manifests'])) return undefined;
  const members = listOf(data['members'], memberFrom);
  if (!members) return undefined;
  if (new Set(members.map(({ incarnation }) => incarnation)).size < members.length) return undefined;
  return { members, manifests: data['manifests'] };
}

function memberFrom(data: unknown): Member | undefined {
  if (!isRecord(data)) return undefined;
  const { incarnation, name, host, port, state, joinedView } = data;
  const isNamed = isText(incarnation) && isText(name) && isText(host);
  if (!isNamed || !isCount(port) || port > 65_535 || !isState(state) || !isCount(joinedView))
    return undefined;
  const cores = listOf(data['cores'], coreFrom);
  if (!cores) return undefined;
  const member = { incarnation, name, host, port, state, joinedView, cores };
  if (state !== 'dead') return data['death'] === undefined ? member : undefined;
  const death = deathFrom(data['death']);
  return death && { ...member, death };
}

function deathFrom(data: unknown): Death | undefined {
  if (!isRecord(data)) return undefined;
  const { reason, cause, isBuried } = data;
  if (typeof reason !== 'string' || !isCause(cause) || typeof isBuried !== 'boolean') return undefined;
  return { reason, cause, isBuried };
}

function coreFrom(data: unknown): HostedCore | undefined {
  if (!isRecord(data)) return undefined;
  const { name, version, schema, manifest } = data;
  if (!isText(name) || typeof version !== 'string' || !isCount(schema) || !isText(manifest)) return undefined;
  return { name, version, schema, manifest };
}

function listOf<T>(data: unknown, itemFrom: (item: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(data) || data.length > MEMBERS_MAX) return undefined;
  const items: T[] = [];
  for (const each of data) {
    const item = itemFrom(each);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function isRecord(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

function isText(data: unknown): data is string {
  return typeof data === 'string' && data.length > 0 && data.length <= 1_024;
}

function isCount(data: unknown): data is number {
  return typeof data === 'number' && Number.isSafeInteger(data) && data >= 0;
}

function isState(data: unknown): data is MemberState {
  return STATES.includes(data);
}

function isCause(data: unknown): data is Death['cause'] {
  return CAUSES.includes(data);
}
