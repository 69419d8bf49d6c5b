// What bodies do, as bits while they are checked, and closed over calls at the end.
import type { Effects } from './checked.ts';

export type EffectBits = number;

export const EFFECT = {
  model: 1,
  plugin: 2,
  memoryRead: 4,
  memoryWrite: 8,
  nondeterministic: 16,
  checkpoint: 32,
  emit: 64,
  coreCall: 128,
  /** No effect, but a statement that no expression can stand for: loops, `@try`, … */
  compound: 256,
} as const satisfies Record<string, EffectBits>;

/** Adds to everybody what those do whom they call, directly or not. */
export function closeEffects(
  direct: ReadonlyMap<string, { readonly effects: EffectBits; readonly calls: ReadonlySet<string> }>,
): Map<string, EffectBits> {
  const closed = new Map<string, EffectBits>();
  const callers = new Map<string, string[]>();
  for (const [name, { effects, calls }] of direct) {
    closed.set(name, effects);
    for (const called of calls) {
      const known = callers.get(called);
      if (known) known.push(name);
      else callers.set(called, [name]);
    }
  }
  // Each name comes again at most once for each bit.
  const pending = [...closed.keys()];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const effects = closed.get(name) ?? 0;
    for (const caller of callers.get(name) ?? []) {
      const before = closed.get(caller) ?? 0;
      if ((before | effects) === before) continue;
      closed.set(caller, before | effects);
      pending.push(caller);
    }
  }
  return closed;
}

export function effectsOf(bits: EffectBits): Effects {
  const has = (bit: EffectBits): boolean => (bits & bit) !== 0;
  return {
    model: has(EFFECT.model),
    plugin: has(EFFECT.plugin),
    memoryRead: has(EFFECT.memoryRead),
    memoryWrite: has(EFFECT.memoryWrite),
    nondeterministic: has(EFFECT.nondeterministic),
    checkpoint: has(EFFECT.checkpoint),
    emit: has(EFFECT.emit),
    coreCall: has(EFFECT.coreCall),
    isPure: bits === 0,
  };
}
