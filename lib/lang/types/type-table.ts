// What types mean to each other: which fits where, what two have in common. Owns the definitions of declared types;
// recursive ones are compared by assuming what is being asked.
import {
  DYNAMIC,
  enumOf,
  FLOAT,
  isSameType,
  MONEY,
  NEVER,
  optionalOf,
  STRING,
  unionOf,
} from './construct.ts';
import type { ObjectField, Type } from './type.ts';

const STRINGS: ReadonlySet<string> = new Set(['string', 'email', 'url', 'uuid']);
const NUMBERS: ReadonlySet<string> = new Set(['int', 'float', 'money']);
/** Chains of names (`type A = B`, `type B = A`) that never arrive. */
const ALIAS_STEPS_MAX = 64;
/** Above this, objects are looked up by a map made once. */
const SMALL_FIELDS_MAX = 8;
const SYMBOLS_MAX = 500;
/** Declared types that lead from one to the next are compared this far; what lies behind is taken to fit. */
const COMPARE_DEPTH_MAX = 64;
/** The same for how many pairs one question leads to. */
const COMPARE_PAIRS_MAX = 500;

export class TypeTable {
  readonly #types: ReadonlyMap<string, Type>;
  readonly #fields = new WeakMap<readonly ObjectField[], Map<string, ObjectField>>();
  readonly #known = new Map<string, boolean>();
  #depth = 0;
  #pairs = 0;

  constructor(types: ReadonlyMap<string, Type>) {
    this.#types = types;
  }

  /** What a name stands for; other types are themselves. */
  expand(type: Type): Type {
    let at = type;
    for (let steps = 0; at.kind === 'named'; steps += 1) {
      const next = this.#types.get(at.name);
      if (!next || steps > ALIAS_STEPS_MAX) return DYNAMIC;
      at = next;
    }
    return at;
  }

  fieldOf(object: Type & { readonly kind: 'object' }, name: string): ObjectField | undefined {
    const { fields } = object;
    if (fields.length <= SMALL_FIELDS_MAX) return fields.find((field) => field.name === name);
    let byName = this.#fields.get(fields);
    if (!byName) this.#fields.set(fields, (byName = new Map(fields.map((field) => [field.name, field]))));
    return byName.get(name);
  }

  isNullable(type: Type): boolean {
    const whole = this.expand(type);
    if (whole.kind === 'union') return whole.members.some((member) => this.isNullable(member));
    return whole.kind === 'null' || whole.kind === 'optional';
  }

  nonNull(type: Type): Type {
    if (!this.isNullable(type)) return type;
    const whole = this.expand(type);
    if (whole.kind === 'optional') return this.nonNull(whole.inner);
    if (whole.kind === 'union') return unionOf(whole.members.map((member) => this.nonNull(member)));
    return NEVER;
  }

  isStringLike(type: Type): boolean {
    const whole = this.expand(type);
    if (whole.kind === 'union') return whole.members.every((member) => this.isStringLike(member));
    return whole.kind === 'literal' || (whole.kind === 'primitive' && STRINGS.has(whole.name));
  }

  isNumeric(type: Type): boolean {
    const whole = this.expand(type);
    return whole.kind === 'primitive' && NUMBERS.has(whole.name);
  }

  isAssignable(from: Type, to: Type): boolean {
    if (from === to || to.kind === 'dynamic' || from.kind === 'dynamic' || from.kind === 'never') return true;
    if (from.kind === 'primitive' && to.kind === 'primitive')
      return isPrimitiveAssignable(from.name, to.name);
    if (from.kind === 'named' || to.kind === 'named') return this.#isNamedAssignable(from, to);
    if (from.kind === 'union') return from.members.every((member) => this.isAssignable(member, to));
    if (from.kind === 'optional') return this.isNullable(to) && this.isAssignable(from.inner, to);
    if (to.kind === 'optional') return from.kind === 'null' || this.isAssignable(from, to.inner);
    if (to.kind === 'union') return to.members.some((member) => this.isAssignable(from, member));
    return this.#isPartAssignable(from, to);
  }

  #isNamedAssignable(from: Type, to: Type): boolean {
    const key = from.kind === 'named' && to.kind === 'named' ? `${from.name} ${to.name}` : undefined;
    if (from.kind === 'named' && to.kind === 'named' && from.name === to.name) return true;
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#depth === 0) this.#pairs = 0;
    if (this.#depth > COMPARE_DEPTH_MAX || this.#pairs > COMPARE_PAIRS_MAX) return true;
    this.#pairs += 1;
    if (key !== undefined) this.#known.set(key, true);
    this.#depth += 1;
    const answer = this.isAssignable(this.expand(from), this.expand(to));
    this.#depth -= 1;
    if (key === undefined || answer) return answer;
    // What was assumed on the way to a "no" may be wrong.
    this.#known.clear();
    this.#known.set(key, false);
    return false;
  }

  #isPartAssignable(from: Type, to: Type): boolean {
    switch (to.kind) {
      case 'primitive':
        return from.kind === 'literal' && STRINGS.has(to.name);
      case 'literal':
        return from.kind === 'literal' && from.value === to.value;
      case 'enum':
        return from.kind === 'enum' && from.symbols.every((symbol) => to.symbols.includes(symbol));
      case 'array':
        return from.kind === 'array' && this.isAssignable(from.item, to.item);
      case 'map':
        if (from.kind === 'map')
          return this.isAssignable(from.key, to.key) && this.isAssignable(from.value, to.value);
        return (
          from.kind === 'object' &&
          this.isStringLike(to.key) &&
          from.fields.every(({ type }) => this.isAssignable(type, to.value))
        );
      case 'object':
        if (from.kind === 'map') return from.value.kind === 'dynamic';
        return from.kind === 'object' && to.fields.every((field) => this.#isFieldAssignable(from, field));
      default:
        return from.kind === to.kind;
    }
  }

  #isFieldAssignable(from: Type & { readonly kind: 'object' }, to: ObjectField): boolean {
    const field = this.fieldOf(from, to.name);
    if (!field) return to.is_optional === true || this.isNullable(to.type);
    return this.isAssignable(fieldType(field), fieldType(to));
  }

  /** The smallest type that both fit in. */
  join(left: Type, right: Type): Type {
    if (left === right) return left;
    if (left.kind === 'never') return right;
    if (right.kind === 'never') return left;
    if (left.kind === 'dynamic' || right.kind === 'dynamic') return DYNAMIC;
    if (left.kind === 'null') return optionalOf(right);
    if (right.kind === 'null') return optionalOf(left);
    if (isSameType(left, right)) return left;
    if (left.kind === 'optional' || right.kind === 'optional')
      return optionalOf(this.join(this.nonNull(left), this.nonNull(right)));
    if (left.kind === 'enum' && right.kind === 'enum')
      // An enum is not made longer than a program could mean it.
      return left.symbols.length > SYMBOLS_MAX
        ? STRING
        : enumOf([...new Set([...left.symbols, ...right.symbols])]);
    if (this.isNumeric(left) && this.isNumeric(right))
      return this.isMoney(left) || this.isMoney(right) ? MONEY : FLOAT;
    if (left.kind === 'literal' && right.kind === 'literal') return unionOf([left, right]);
    if (this.isAssignable(left, right)) return right;
    if (this.isAssignable(right, left)) return left;
    if (this.isStringLike(left) && this.isStringLike(right)) return this.#joinStrings(left, right);
    if (left.kind === 'array' && right.kind === 'array')
      return { kind: 'array', item: this.join(left.item, right.item) };
    return unionOf([left, right]);
  }

  #joinStrings(left: Type, right: Type): Type {
    const isLiterals = (type: Type): boolean =>
      type.kind === 'literal' || (type.kind === 'union' && type.members.every(isLiterals));
    return isLiterals(left) && isLiterals(right) ? unionOf([left, right]) : STRING;
  }

  isMoney(type: Type): boolean {
    const whole = this.expand(type);
    return whole.kind === 'primitive' && whole.name === 'money';
  }

  /** Whether some value is of both types: what `==` may be asked of. Enums are strings at run time. */
  overlaps(left: Type, right: Type): boolean {
    const a = this.expand(left);
    const b = this.expand(right);
    if (this.isAssignable(a, b) || this.isAssignable(b, a)) return true;
    if (a.kind === 'optional') return this.isNullable(b) || this.overlaps(a.inner, b);
    if (b.kind === 'optional') return this.overlaps(a, b.inner);
    if (a.kind === 'union') return a.members.some((member) => this.overlaps(member, b));
    if (b.kind === 'union') return b.members.some((member) => this.overlaps(a, member));
    if (a.kind === 'enum' && b.kind === 'enum') return a.symbols.some((symbol) => b.symbols.includes(symbol));
    if (a.kind === 'enum') return this.#isTextOf(b, a.symbols);
    if (b.kind === 'enum') return this.#isTextOf(a, b.symbols);
    if (this.isNumeric(a) && this.isNumeric(b)) return true;
    if (a.kind === 'array' && b.kind === 'array') return this.overlaps(a.item, b.item);
    const isRecord = (type: Type): boolean => type.kind === 'object' || type.kind === 'map';
    return isRecord(a) && isRecord(b);
  }

  #isTextOf(type: Type, symbols: readonly string[]): boolean {
    return type.kind === 'literal' ? symbols.includes(type.value) : this.isStringLike(type);
  }
}

/** With the null that an absent field reads as. */
export function fieldType(field: ObjectField): Type {
  return field.is_optional === true ? optionalOf(field.type) : field.type;
}

function isPrimitiveAssignable(from: string, to: string): boolean {
  if (from === to) return true;
  if (STRINGS.has(from) && STRINGS.has(to)) return from === 'string' || to === 'string';
  // Money is written as a float: there is no literal of its own.
  return (from === 'int' && (to === 'float' || to === 'money')) || (from === 'float' && to === 'money');
}
