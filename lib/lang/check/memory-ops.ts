// The operations of memory and reference fields: which field has which, and what they take and give. T, K and V are
// those of the field's list or map.
import type { Type } from '../types/type.ts';
import { readSignature, type Signature } from '../types/signature.ts';
import type { MemoryOp } from './checked.ts';
import { EFFECT, type EffectBits } from './effects.ts';

export interface FieldOp<Op extends MemoryOp = MemoryOp> {
  readonly op: Op;
  readonly signature: Signature;
  readonly effect: EffectBits;
}

const SEARCH = '(query: string, limit: int =, min_similarity: float =) array[dynamic]';

function op<Op extends MemoryOp>(name: Op, signature: string, effect: EffectBits): FieldOp<Op> {
  return { op: name, signature: readSignature(signature), effect };
}

const READ = EFFECT.memoryRead;
const WRITE = EFFECT.memoryWrite;

const OF_MAP: readonly FieldOp[] = [
  op('get', '(key: K) V?', READ),
  op('set', '(key: K, value: V) null', WRITE),
  op('update', '(key: K, value: dynamic) null', READ | WRITE),
  op('delete', '(key: K) null', WRITE),
  op('list', '(prefix: string =, limit: int =, order: string =) array[{ key: K, value: V }]', READ),
  op('search', SEARCH, READ | EFFECT.model),
];
const OF_ARRAY: readonly FieldOp[] = [
  op('add', '(value: T) null', WRITE),
  op('last', '(count: int) array[T]', READ),
  op('search', SEARCH, READ | EFFECT.model),
];
const REFERENCE_SEARCH = op('search', SEARCH, EFFECT.model);
const REFERENCE_GET = op('get', '(key: K) V?', 0);

/** `type` is expanded. */
export function memoryOp(type: Type, name: string): FieldOp | undefined {
  const ops = type.kind === 'map' ? OF_MAP : type.kind === 'array' ? OF_ARRAY : [];
  return ops.find((known) => known.op === name);
}

export function referenceOp(type: Type, name: string): FieldOp<'get' | 'search'> | undefined {
  const isCollection = type.kind === 'map' || type.kind === 'array';
  if (name === 'search' && isCollection) return REFERENCE_SEARCH;
  return name === 'get' && type.kind === 'map' ? REFERENCE_GET : undefined;
}

export function opNames(type: Type): readonly string[] {
  return (type.kind === 'map' ? OF_MAP : type.kind === 'array' ? OF_ARRAY : []).map(({ op: name }) => name);
}
