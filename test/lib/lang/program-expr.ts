// Expressions of given types, as text, from a stream of numbers.

export const KIND_SYMBOLS = ['a', 'b', 'c'] as const;

export type Ty =
  'int' | 'float' | 'string' | 'bool' | 'money' | 'Kind' | 'Item' | 'ints' | 'strings' | 'items';
/** Variables and their types. */
export type Scope = Map<string, Ty>;

const TYPES: readonly Ty[] = [
  'int',
  'int',
  'string',
  'string',
  'bool',
  'float',
  'money',
  'Kind',
  'Item',
  'ints',
  'strings',
];
const WRITTEN: Readonly<Partial<Record<Ty, string>>> = {
  ints: 'array[int]',
  strings: 'array[string]',
  items: 'array[Item]',
};
const WORDS = [
  '',
  'x',
  'two words',
  'tab\\t',
  'quote \\" and \\\\',
  '\\u{1F600}',
  'costs \\$5',
  'line\\n',
  '// no comment',
];

export class ExprWriter {
  readonly #numbers: Iterator<number>;
  #names = 0;

  constructor(numbers: Iterator<number>) {
    this.#numbers = numbers;
  }

  protected pick(count: number): number {
    const next = this.#numbers.next();
    return next.done === true ? 0 : next.value % count;
  }
  protected one<X>(from: readonly X[]): X {
    const found = from[this.pick(from.length)];
    if (found === undefined) throw new Error('nothing to choose from');
    return found;
  }
  protected fresh(prefix: string): string {
    this.#names += 1;
    return `${prefix}${this.#names}`;
  }
  protected type(): Ty {
    return this.one(TYPES);
  }
  protected written(type: Ty): string {
    return WRITTEN[type] ?? type;
  }

  protected expr(type: Ty, scope: Scope, depth: number): string {
    const known = [...scope].filter(([, of]) => of === type).map(([name]) => name);
    if (known.length > 0 && this.pick(3) === 0) return this.one(known);
    if (depth <= 0) return this.#literal(type);
    if (this.pick(8) === 0) return this.#choice(type, scope, depth);
    const sub = (of: Ty): string => this.#operand(of, scope, depth - 1);
    const whole = (of: Ty): string => this.expr(of, scope, depth - 1);
    return this.one(this.#forms(type, sub, whole, scope, depth))();
  }

  /** In parentheses where it could be torn apart. */
  #operand(type: Ty, scope: Scope, depth: number): string {
    const text = this.expr(type, scope, depth);
    return /^(?:\w+|"[^"$\\]*"|\d+\.\d+|\[[^[\]]*\])$/.test(text) ? text : `(${text})`;
  }

  #literal(type: Ty): string {
    switch (type) {
      case 'int':
        return this.one(['0', '1', '7', '42', '1_000']);
      case 'float':
        return this.one(['0.5', '2.25', '10.0']);
      case 'money':
        return this.one(['0.10', '12.99']);
      case 'bool':
        return this.one(['true', 'false']);
      case 'string':
        return `"${this.one(WORDS)}"`;
      case 'Kind':
        return `:${this.one(KIND_SYMBOLS)}`;
      case 'Item':
        return `{ name: "${this.one(WORDS)}", count: ${this.pick(9)}, kind: :${this.one(KIND_SYMBOLS)} }`;
      case 'ints':
        return this.one(['[1]', '[1, 2, 3]', 'range(3)', '[-1, 0]']);
      case 'strings':
        return this.one(['["a"]', '["a", "b"]']);
      case 'items':
        return '[{ name: "i", count: 1, kind: :a }]';
    }
  }

  #choice(type: Ty, scope: Scope, depth: number): string {
    const [first, second] = [this.expr(type, scope, depth - 1), this.expr(type, scope, depth - 1)];
    if (type === 'Kind' || type === 'money' || type === 'Item' || this.pick(2) === 0) {
      return `if ${this.expr('bool', scope, depth - 1)} { ${first} } else { ${second} }`;
    }
    const subject = this.expr('int', scope, depth - 1);
    return `match ${subject} { 1 | 2 => ${first}, _ => ${second} }`;
  }

  #forms(
    type: Ty,
    sub: (of: Ty) => string,
    whole: (of: Ty) => string,
    scope: Scope,
    depth: number,
  ): readonly (() => string)[] {
    switch (type) {
      case 'int':
        return [
          () => `${sub('int')} + ${sub('int')}`,
          () => `${sub('int')} - ${sub('int')} - ${sub('int')}`,
          () => `${sub('int')} * 2 + ${sub('int')} % 7`,
          () => `-${sub('int')}`,
          () => `${sub('string')}.length`,
          () => `${sub('ints')}.sum()`,
          () => `${sub('ints')}.first ?? ${whole('int')}`,
          () => `math.max(${whole('int')}, ${whole('int')})`,
          () => `${sub('Item')}.count`,
          () => `${sub('ints')}.reduce(0, (sum, each) => sum + each)`,
        ];
      case 'float':
        return [
          () => `${sub('int')} / 4`,
          () => `${sub('float')} + ${sub('float')} * 0.5`,
          () => `${sub('int')}.to_float()`,
          () => `math.sqrt(${sub('float')}.abs())`,
        ];
      case 'money':
        return [
          () => `${sub('money')} + ${sub('money')}`,
          () => `${sub('money')} * 2`,
          () => `${sub('money')}.round(1)`,
        ];
      case 'bool':
        return [
          () => `${sub('int')} < ${sub('int')} && ${sub('bool')}`,
          () => `${sub('bool')} || text == ${sub('string')}`,
          () => `!${sub('bool')}`,
          () => `${sub('int')} in ${sub('ints')}`,
          () => `${sub('string')}.contains(${whole('string')})`,
          () => `${sub('ints')}.any(each => each > ${sub('int')})`,
          () => `${this.kindName(scope)} == :a`,
        ];
      case 'string':
        return [
          () => `${sub('string')} + ${sub('string')}`,
          () => `"\${${oneLine(whole('int'), 'n')}}, \${${oneLine(whole('string'), 'text')}}."`,
          () => `${sub('string')}.upper().trim()`,
          () => `${sub('strings')}.join(", ")`,
          () => `"""\n        Lines of \${${this.#name(scope)}}\n          and more\n        """`,
          () => `${sub('Item')}.name`,
        ];
      case 'Kind':
        return [() => `${sub('Item')}.kind`, () => this.#literal('Kind')];
      case 'Item':
        return [
          () => `{ name: ${whole('string')}, count: ${whole('int')}, kind: ${whole('Kind')} }`,
          () => `{\n    name: ${whole('string')}\n    count: ${whole('int')}\n    kind: :b\n}`,
        ];
      case 'ints':
        return [
          () => `[${whole('int')}, ${whole('int')}]`,
          () => `${sub('ints')}.map(each => each + ${sub('int')}).filter((each, at) => each > at)`,
          () => `${sub('ints')}.concat(${whole('ints')}).sort()`,
          () => `${sub('strings')}.map(each => each.length)`,
          () => `range(${1 + (depth % 4)})`,
        ];
      case 'strings':
        return [
          () => `[${whole('string')},\n ${whole('string')}]`,
          () => `${sub('ints')}.map(each => "\${each}")`,
          () => `${sub('strings')}.reverse()`,
          () => `${sub('items')}.map(each => each.name)`,
        ];
      case 'items':
        return [() => this.#literal('items'), () => `[${whole('Item')}]`];
    }
  }

  /** A variable: a symbol itself has a type of its own. */
  protected kindName(scope: Scope): string {
    return this.one([...scope.keys()].filter((name) => scope.get(name) === 'Kind'));
  }

  #name(scope: Scope): string {
    return [...scope.keys()].find((name) => scope.get(name) === 'string') ?? '"nobody"';
  }
}

/** Interpolations of one-line texts end on their line. */
const oneLine = (text: string, otherwise: string): string => (text.includes('\n') ? otherwise : text);
