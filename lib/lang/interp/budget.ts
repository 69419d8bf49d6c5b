// Limits on what blocks may use up. Owns counting and refusing; budgets inside budgets both count.
//   B1. Model calls, tokens and costs count in every budget around them, also in those of calling flows.
//   B2. Time counts while the execution runs or waits for a host. While it is suspended no time passes: people decide
//       in their own time, and what they took must not end the flow.
import type { IRLimits, JsonValue } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import { isObject, type JsonObject } from './values.ts';

export class Budget {
  readonly limits: IRLimits;
  readonly parent: Budget | undefined;
  readonly #startedMs: number;
  #retries = 0;
  #tokens = 0;
  #calls = 0;
  #cost = 0;

  constructor(limits: IRLimits, parent: Budget | undefined, nowMs: number, used?: JsonValue) {
    this.limits = limits;
    this.parent = parent;
    const before: JsonObject = isObject(used) ? used : {};
    this.#startedMs = nowMs - numberIn(before, 'elapsed_ms');
    this.#retries = numberIn(before, 'retries');
    this.#tokens = numberIn(before, 'tokens');
    this.#calls = numberIn(before, 'llm_calls');
    this.#cost = numberIn(before, 'cost');
  }

  /** What a checkpoint keeps of it. */
  used(nowMs: number): JsonValue {
    return {
      elapsed_ms: nowMs - this.#startedMs,
      retries: this.#retries,
      tokens: this.#tokens,
      llm_calls: this.#calls,
      cost: this.#cost,
    };
  }

  /** Milliseconds left of this one alone. */
  leftMs(nowMs: number): number {
    const { max_duration_ms: max } = this.limits;
    return max === undefined ? Number.POSITIVE_INFINITY : this.#startedMs + max - nowMs;
  }

  addCall(): void {
    this.#calls += 1;
    refuseBeyond('max_llm_calls', this.#calls, this.limits.max_llm_calls);
  }

  addRetry(): void {
    this.#retries += 1;
    refuseBeyond('max_retries', this.#retries, this.limits.max_retries);
  }

  addUsage(tokens: number, cost: number): void {
    this.#tokens += tokens;
    this.#cost += cost;
    refuseBeyond('max_tokens', this.#tokens, this.limits.max_tokens);
    refuseBeyond('max_cost', this.#cost, this.limits.max_cost);
  }
}

function numberIn(object: JsonObject, name: string): number {
  const value = Object.hasOwn(object, name) ? object[name] : 0;
  return typeof value === 'number' ? value : 0;
}

function refuseBeyond(limit: keyof IRLimits, used: number, max: number | undefined): void {
  if (max !== undefined && used > max) throw exceeded(limit, max);
}

export function exceeded(limit: keyof IRLimits, max: number): ScaiCoreError {
  return new ScaiCoreError('BudgetExceededError', `the budget is used up: ${limit} is ${max}`, {
    limit,
    max,
  });
}

/** From the inside out. */
export function* budgetsFrom(budget: Budget | undefined): Generator<Budget> {
  for (let at = budget; at; at = at.parent) yield at;
}

export function countEach(budget: Budget | undefined, count: (budget: Budget) => void): void {
  for (const each of budgetsFrom(budget)) count(each);
}

/** The budget whose time ends first, and what is left of it. */
export function tightest(
  budget: Budget | undefined,
  nowMs: number,
): { readonly leftMs: number; readonly maxMs: number } | undefined {
  let found: { leftMs: number; maxMs: number } | undefined;
  for (const each of budgetsFrom(budget)) {
    const leftMs = each.leftMs(nowMs);
    const maxMs = each.limits.max_duration_ms;
    if (maxMs !== undefined && (found === undefined || leftMs < found.leftMs)) found = { leftMs, maxMs };
  }
  return found;
}

/** @throws BudgetExceededError when the time of one is over */
export function checkTime(budget: Budget | undefined, nowMs: number): void {
  const found = tightest(budget, nowMs);
  if (found && found.leftMs <= 0) throw exceeded('max_duration_ms', found.maxMs);
}
