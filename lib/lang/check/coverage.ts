// Which values the arms of a match cover: E304 for what is left out, W402 for arms that nothing is left for. Only
// enums, bools, unions of texts, and these with null can be counted; of other subjects only a wildcard covers all.
import type { Expr, Pattern } from '../syntax/ast.ts';
import type { Type } from '../types/type.ts';
import type { TypeTable } from '../types/type-table.ts';

/** Values that are left, by key, as they are written. Undefined: they cannot be counted. */
type Domain = Map<string, string>;

export class Coverage {
  readonly #table: TypeTable;
  readonly #left: Domain | undefined;
  readonly #seen = new Set<string>();
  readonly #subject: Type;
  #isComplete = false;

  constructor(subject: Type, table: TypeTable) {
    this.#table = table;
    this.#subject = subject;
    const domain: Domain = new Map();
    this.#left = addDomain(subject, table, domain) ? domain : undefined;
  }

  /** Whether nothing is left for this pattern. Patterns with a guard leave everything as it was. */
  take(pattern: Pattern, hasGuard: boolean): boolean {
    if (this.#isComplete || this.#left?.size === 0) return true;
    const keys = new Set<string>();
    const coversAll = this.#keysOf(pattern, keys);
    // What the type does not have is reported as such, and not as covered.
    const isNew = coversAll || keys.size === 0 || [...keys].some((key) => !this.#seen.has(key));
    if (hasGuard) return !isNew;
    if (coversAll) this.#isComplete = true;
    for (const key of keys) {
      this.#left?.delete(key);
      this.#seen.add(key);
    }
    return !isNew;
  }

  /** Collects what the pattern names; true if it fits everything. */
  #keysOf(pattern: Pattern, keys: Set<string>): boolean {
    switch (pattern.kind) {
      case 'pattern_any':
        return true;
      case 'pattern_symbol':
        keys.add(`text ${pattern.name}`);
        return false;
      case 'pattern_literal': {
        const key = keyOf(pattern.value);
        if (key !== undefined) keys.add(key);
        return false;
      }
      case 'pattern_or':
        return pattern.options.map((option) => this.#keysOf(option, keys)).some(Boolean);
      case 'pattern_object': {
        const isObject = this.#table.expand(this.#subject).kind === 'object';
        return isObject && pattern.fields.every((field) => field.pattern?.kind === undefined);
      }
    }
  }

  /** What no arm covers, as it is written; empty if all is covered or nobody can tell. */
  get missing(): readonly string[] {
    return this.#isComplete || !this.#left ? [] : [...this.#left.values()];
  }

  /** Whether a null may still come to the next arm. */
  get isNullLeft(): boolean {
    return !this.#isComplete && !this.#seen.has('null');
  }
}

/** Of a literal; undefined for what is none. */
function keyOf(value: Expr): string | undefined {
  switch (value.kind) {
    case 'string':
      return `text ${value.value}`;
    case 'null':
      return 'null';
    case 'int':
    case 'float':
      return `number ${value.value}`;
    case 'bool':
    case 'date':
    case 'datetime':
    case 'duration':
      return `${value.kind} ${String(value.value)}`;
    case 'unary': {
      const key = keyOf(value.value);
      return key === undefined ? undefined : `-${key}`;
    }
    default:
      return undefined;
  }
}

/** False if the values of the type cannot be counted. */
function addDomain(type: Type, table: TypeTable, domain: Domain): boolean {
  const whole = table.expand(type);
  switch (whole.kind) {
    case 'enum':
      for (const symbol of whole.symbols) domain.set(`text ${symbol}`, `:${symbol}`);
      return true;
    case 'literal':
      domain.set(`text ${whole.value}`, JSON.stringify(whole.value));
      return true;
    case 'primitive':
      if (whole.name !== 'bool') return false;
      domain.set('bool true', 'true').set('bool false', 'false');
      return true;
    case 'null':
      domain.set('null', 'null');
      return true;
    case 'optional':
      domain.set('null', 'null');
      return addDomain(whole.inner, table, domain);
    case 'union':
      return whole.members.every((member) => addDomain(member, table, domain));
    default:
      return false;
  }
}
