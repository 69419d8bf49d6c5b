// A `@test`, ready to run: its parts are flows of their own, which a runner puts beside those of the module.
import type { IRExpr, IRFlow, IRLoc, IRParam, JsonValue } from './ir.ts';

export interface IRTest {
  readonly title: string;
  readonly source_location: IRLoc;
  /** By target (a model role, `alias.method`, `core://…`): answers in order, the last stays. */
  readonly mocks: readonly { readonly target: string; readonly values: readonly JsonValue[] }[];
  /** Values of references and settings that `@given` sets. Expressions without names. */
  readonly setup: readonly {
    readonly kind: 'reference' | 'config';
    readonly name: string;
    readonly value: IRExpr;
  }[];
  /** Runs the statements of `@given`; gives an object of the names that it set. */
  readonly given?: IRFlow;
  readonly when?: {
    readonly flow: string;
    readonly binding?: string;
    /** Takes the names of `given` as parameters, gives the input of the flow as an object. */
    readonly input: IRFlow;
  };
  /** Takes the names of `given`, the binding, `status`, `error`, `checkpoint`, `emitted`; gives a list of `IRCheck`s. */
  readonly then?: IRFlow;
  /** The texts of the conditions of `then`, in order. */
  readonly checks: readonly string[];
  readonly properties: readonly IRProperty[];
}

/** What each condition came to; the sides of a comparison, where it is one. */
export interface IRCheck {
  readonly ok: boolean;
  readonly left?: JsonValue;
  readonly right?: JsonValue;
}

export interface IRProperty {
  readonly params: readonly IRParam[];
  /** Takes the parameters, gives a list of `IRCheck`s. */
  readonly flow: IRFlow;
  readonly checks: readonly string[];
}
