// Lists and maps that a flow adds to: `xs = xs.push(x)`, `xs = xs + ys`, `m = m.set(k, v)`, `xs[i] = v`, `m[k] = v`. Values are
// never changed once a program can see them, so each of these gives a new value; where nobody else can see the old one,
// it is made out of the old one in place, and a loop costs what it adds instead of what there is.
//   G1. The owner slot of a variable holds the list or map that it holds, if that was made here and nothing but this variable
//       leads to it.
//   G2. Whoever reads the variable as a whole, and whatever copies or shows slots (branches, checkpoints, telemetry), sets
//       the owner slot to null. Only reads that cannot give the value itself away leave it (`peeked` in compile-expr.ts).
import { eachNode } from '../ir/each-node.ts';
import type { IRBlock, IRExpr, IRStmt, JsonValue } from '../ir/ir.ts';
import { compileEx } from './compile-expr.ts';
import { executionOf } from './execution.ts';
import type { FlowContext } from './flow-context.ts';
import { DONE, plain, type SyncCode } from './sync-code.ts';
import {
  type Ex,
  isList,
  isObject,
  LIST_MAX,
  listIndex,
  type MutableObject,
  putField,
  type Slots,
  tooLong,
} from './values.ts';

type AssignStmt = IRStmt & { readonly kind: 'assign' };
type Growth =
  | { readonly kind: 'push'; readonly value: IRExpr }
  | { readonly kind: 'concat'; readonly value: IRExpr }
  /** `set` is a method of maps only. */
  | { readonly kind: 'put' | 'set'; readonly key: IRExpr; readonly value: IRExpr };

function growthOf({ target: { name, path = [] }, value }: AssignStmt): Growth | undefined {
  const [step] = path;
  if (step !== undefined) {
    const key: IRExpr = typeof step === 'string' ? { kind: 'literal', value: step } : step;
    return path.length === 1 ? { kind: 'put', key, value } : undefined;
  }
  const isSelf = (expr: IRExpr): boolean => expr.kind === 'ref' && expr.name === name;
  if (value.kind === 'binary')
    return value.op === '+' && value.operands === 'array' && isSelf(value.left)
      ? { kind: 'concat', value: value.right }
      : undefined;
  if (value.kind !== 'method' || !isSelf(value.receiver)) return undefined;
  const [first, second] = value.args ?? [];
  if (!first || first.kind === 'lambda') return undefined;
  if (value.name === 'push' || value.name === 'concat') return { kind: value.name, value: first };
  if (value.name !== 'set' || !second || second.kind === 'lambda') return undefined;
  return { kind: 'set', key: first, value: second };
}

/** The variables that a flow adds to. */
export function growingNames(body: readonly IRBlock[]): ReadonlySet<string> {
  const names = new Set<string>();
  eachNode(body, (node) => {
    if (node.kind !== 'assign') return;
    const statement = node as AssignStmt;
    if (growthOf(statement)) names.add(statement.target.name);
  });
  return names;
}

/** `general` does the same for values of other kinds, with their errors. Undefined: the statement adds to nothing. */
export function growingAssign(
  statement: AssignStmt,
  general: SyncCode,
  context: FlowContext,
): SyncCode | undefined {
  const growth = growthOf(statement);
  const slot = context.names.slotOf(statement.target.name);
  const owner = context.names.ownerOf(slot);
  if (!growth || owner === undefined) return undefined;
  const value = compileEx(growth.value, context);
  if (growth.kind === 'push') return plain(pushing({ slot, owner }, value, general));
  if (growth.kind === 'concat') return plain(concatenating({ slot, owner }, value, general));
  const key = compileEx(growth.key, context);
  return plain(putting({ slot, owner }, growth.kind === 'put', { key, value }, general));
}

interface Place {
  readonly slot: number;
  readonly owner: number;
}

function pushing({ slot, owner }: Place, value: Ex, general: SyncCode): SyncCode['run'] {
  return (s) => {
    const list = s[slot];
    if (!isList(list)) return general.run(s);
    const item = value(s);
    if (list.length >= LIST_MAX) throw tooLong(`a list of ${list.length + 1}`, LIST_MAX);
    executionOf(s).build(1);
    ownList(s, { slot, owner }, list).push(item);
    return DONE;
  };
}

function concatenating({ slot, owner }: Place, value: Ex, general: SyncCode): SyncCode['run'] {
  return (s) => {
    const list = s[slot];
    const other = value(s);
    if (!isList(list) || !isList(other)) return general.run(s);
    const length = list.length + other.length;
    if (length > LIST_MAX) throw tooLong(`a list of ${length}`, LIST_MAX);
    executionOf(s).copy(other.length);
    const own = ownList(s, { slot, owner }, list);
    for (const item of other) own.push(item);
    return DONE;
  };
}

function putting(
  { slot, owner }: Place,
  isForLists: boolean,
  { key, value }: { readonly key: Ex; readonly value: Ex },
  general: SyncCode,
): SyncCode['run'] {
  return (s) => {
    const whole = s[slot];
    const at = key(s);
    if (isForLists && isList(whole)) {
      const item = value(s);
      const index = listIndex(whole, at);
      ownList(s, { slot, owner }, whole)[index] = item;
    } else if (isObject(whole) && typeof at === 'string') {
      const item = value(s);
      executionOf(s).build(1);
      putField(ownObject(s, { slot, owner }, whole), at, item);
    } else return general.run(s);
    return DONE;
  };
}

function ownList(s: Slots, { slot, owner }: Place, list: readonly JsonValue[]): JsonValue[] {
  if (s[owner] === list) return list as JsonValue[];
  executionOf(s).copy(list.length);
  const copy = list.slice();
  s[slot] = copy;
  s[owner] = copy;
  return copy;
}

function ownObject(
  s: Slots,
  { slot, owner }: Place,
  object: { readonly [key: string]: JsonValue },
): MutableObject {
  if (s[owner] === object) return object as MutableObject;
  const copy: MutableObject = { ...object };
  const { length } = Object.keys(copy);
  executionOf(s).charge(length);
  executionOf(s).build(length);
  s[slot] = copy;
  s[owner] = copy;
  return copy;
}
