// What is done about failures of models: the actions of `on_failure`, each until it no longer helps, then the next.
import type { FailureClass, IRFailureRule } from '../ir/ir.ts';

export type NextAction =
  | { readonly kind: 'retry'; readonly note: string | undefined }
  | { readonly kind: 'escalate' }
  | { readonly kind: 'flag_and_checkpoint' }
  /** No rule, or all of its actions were used. */
  | { readonly kind: 'give_up' };

/** Without a rule an answer that cannot be read is asked for once more: most models get it right then. */
const DEFAULT_RULES: readonly IRFailureRule[] = [
  { failure: 'parse_error', actions: [{ kind: 'retry', max: 1 }] },
];

export class FailureChains {
  readonly #rules: readonly IRFailureRule[];
  readonly #at = new Map<FailureClass, { action: number; retries: number }>();

  constructor(rules: readonly IRFailureRule[]) {
    const own = new Set(rules.map(({ failure }) => failure));
    this.#rules = [...rules, ...DEFAULT_RULES.filter(({ failure }) => !own.has(failure))];
  }

  has(failure: FailureClass): boolean {
    return this.#rules.some((rule) => rule.failure === failure);
  }

  next(failure: FailureClass): NextAction {
    const actions = this.#rules.find((rule) => rule.failure === failure)?.actions ?? [];
    const at = this.#at.get(failure) ?? { action: 0, retries: 0 };
    this.#at.set(failure, at);
    for (; at.action < actions.length; at.action += 1, at.retries = 0) {
      const action = actions[at.action];
      if (!action) break;
      if (action.kind !== 'retry') {
        at.action += 1;
        return action;
      }
      if (at.retries >= action.max) continue;
      at.retries += 1;
      return { kind: 'retry', note: action.note };
    }
    return { kind: 'give_up' };
  }
}
