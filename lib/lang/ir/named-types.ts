// What has to be known of types that have names, where those are looked through.
//   T1. Each name is followed once, so types that lead to each other in many ways cost no more than they are long.
import type { IRType } from './ir.ts';

export type NamedTypes = Readonly<Record<string, IRType>>;

const DYNAMIC: IRType = { kind: 'dynamic' };
const NULL: IRType = { kind: 'null' };

/** The definition of a name. What was never resolved may be anything. */
export function definitionOf(name: string, types: NamedTypes): IRType {
  return (Object.hasOwn(types, name) ? types[name] : undefined) ?? DYNAMIC;
}

/** The types that a value of this one may be of, in order, without names, unions and optional ones; each once. */
export function alternativesOf(type: IRType, types: NamedTypes): readonly IRType[] {
  const found = new Set<IRType>();
  const seen = new Set<IRType>();
  const pending = [type];
  for (let at = pending.pop(); at; at = pending.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    if (at.kind === 'named') pending.push(definitionOf(at.name, types));
    else if (at.kind === 'union') pending.push(...[...(at.members as readonly IRType[])].reverse());
    else if (at.kind === 'optional') pending.push(at.inner as IRType, NULL);
    else found.add(at);
  }
  return [...found];
}

/** Whether null is a value of the type: then a field or a parameter of it may be left out. */
export function takesNull(type: IRType, types: NamedTypes): boolean {
  if (type.kind === 'optional') return true;
  return alternativesOf(type, types).some(({ kind }) => kind === 'null' || kind === 'dynamic');
}

/** Whether the parameter of a flow may be left out. */
export function isOptionalParam(
  param: { readonly type: IRType; readonly default?: unknown },
  types: NamedTypes,
): boolean {
  return param.default !== undefined || takesNull(param.type, types);
}

const recursiveIn = new WeakMap<NamedTypes, ReadonlySet<string>>();

/** The names that lead back to themselves, and those on the way from one such name to another. */
export function recursiveNames(types: NamedTypes): ReadonlySet<string> {
  const known = recursiveIn.get(types);
  if (known) return known;
  const uses: Edges = new Map(Object.entries(types).map(([name, type]) => [name, new Set(namesIn(type))]));
  const users: Edges = new Map(Object.keys(types).map((name) => [name, new Set<string>()]));
  for (const [name, used] of uses) for (const other of used) users.get(other)?.add(name);
  const left = new Set(uses.keys());
  dropEnds(left, uses, users);
  dropEnds(left, users, uses);
  recursiveIn.set(types, left);
  return left;
}

type Edges = ReadonlyMap<string, Set<string>>;

/** Takes out what leads to nothing that is left, until there is no such name any more. */
function dropEnds(left: Set<string>, next: Edges, before: Edges): void {
  const counts = new Map<string, number>();
  for (const name of left)
    counts.set(name, [...(next.get(name) ?? [])].filter((other) => left.has(other)).length);
  const ends = [...left].filter((name) => counts.get(name) === 0);
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    left.delete(end);
    for (const name of before.get(end) ?? []) {
      if (!left.has(name)) continue;
      const count = (counts.get(name) ?? 0) - 1;
      counts.set(name, count);
      if (count === 0) ends.push(name);
    }
  }
}

function* namesIn(type: IRType): Generator<string> {
  const pending: IRType[] = [type];
  for (let at = pending.pop(); at; at = pending.pop()) {
    if (at.kind === 'named') yield at.name;
    else if (at.kind === 'array') pending.push(at.item as IRType);
    else if (at.kind === 'map') pending.push(at.key as IRType, at.value as IRType);
    else if (at.kind === 'optional') pending.push(at.inner as IRType);
    else if (at.kind === 'union') pending.push(...(at.members as readonly IRType[]));
    else if (at.kind === 'object') pending.push(...at.fields.map((field) => field.type as IRType));
  }
}
