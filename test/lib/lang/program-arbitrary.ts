// Programs as text that compile without errors: a core, types, and flows of all fourteen kinds of blocks.
import fc from 'fast-check';
import { ExprWriter, KIND_SYMBOLS, type Scope, type Ty } from './program-expr.ts';

export interface ProgramOptions {
  /** No models, checkpoints, plugins, other Cores, clocks or chance: two runs give the same. @default false */
  readonly isDeterministic?: boolean;
  /** @default 3 */
  readonly flowsMax?: number;
}

/** Smaller programs come first when a property fails. */
export function programArbitrary(options: ProgramOptions = {}): fc.Arbitrary<string> {
  // Where the numbers end, all choices are the first ones, and the program ends soon.
  const numbers = fc.array(fc.nat(0xffff), { maxLength: 1_500, size: 'max' });
  return numbers.map((choices) => new ProgramWriter(choices.values(), options).program());
}

const HEAD = `
type Item = { name: string, count: int, kind: Kind }

@types {
    type Kind = enum[${KIND_SYMBOLS.join(', ')}]
    type Reading = { text: string, score: float, kind: Kind }
}

@core Generated {
    version = "1.0.0"
    instance = :entity(key = "id") {
        idle_timeout = 10m
    }
    @models {
        primary = { model = "small" }
        voice = { model = "voice-1", modalities = [:tts] }
    }
    @plugins {
        files = acme/drive@1.0
    }
    @memory {
        total: int?
        words: array[string]
        counts: map[string, int]
    }
    @config {
        @param limit: int = 3 @runtime_configurable
    }
}

@plugin_interface files {
    read(path: string): string
}

@transformer doubled(n: int): int {
    return n * 2
}

@transformer shouted(text: string): string {
    return text.upper()
}

@evaluator is_long(text: string): bool {
    return text.length > 3
}

@pipeline polished(text: string): string {
    text |> shouted |?> (text.length > 2) shouted
}
`;

/** What may stand in the body at hand. */
interface Place {
  readonly isRigid: boolean;
  readonly inParallel: boolean;
  readonly inLoop: boolean;
  readonly depth: number;
}

class ProgramWriter extends ExprWriter {
  readonly #options: ProgramOptions;

  constructor(numbers: Iterator<number>, options: ProgramOptions) {
    super(numbers);
    this.#options = options;
  }

  program(): string {
    const parts = [HEAD];
    const flows = 1 + this.pick(this.#options.flowsMax ?? 3);
    for (let index = 0; index < flows; index += 1) parts.push(this.#flow(index));
    return parts.join('\n');
  }

  #flow(index: number): string {
    const scope: Scope = new Map([
      ['id', 'string'],
      ['n', 'int'],
      ['text', 'string'],
      ['price', 'money'],
      ['items', 'items'],
      ['kind', 'Kind'],
    ]);
    const params =
      'id: string, n: int, text: string = "t", price: money = 1.50, items: array[Item] = [], kind: Kind = :a';
    const place = { isRigid: false, inParallel: false, inLoop: false, depth: 0 };
    const body = this.#statements(scope, place, '    ');
    const result = this.one(['int', 'string', 'bool', 'strings', 'Item'] as const);
    const comment = this.pick(3) === 0 ? '// Some flow.\n' : '';
    const type = result === 'strings' ? 'array[string]' : result;
    return `${comment}@flow flow_${index}(${params}): ${type} {\n${body}    return ${this.expr(result, scope, 2)}\n}\n`;
  }

  #statements(scope: Scope, place: Place, pad: string): string {
    const count = 1 + this.pick(place.depth > 1 ? 2 : 5);
    let text = '';
    for (let index = 0; index < count; index += 1) {
      const statement = this.#statement(scope, place);
      text += statement
        .split('\n')
        .map((line) => (line === '' ? '' : `${pad}${line}`))
        .join('\n');
      text += this.pick(8) === 0 ? ' // noted\n' : '\n';
      if (this.pick(6) === 0) text += '\n';
    }
    return text;
  }

  /** A body in braces, with names of its own. */
  #body(scope: Scope, place: Place, last = ''): string {
    const inner = new Map(scope);
    const text = this.#statements(inner, { ...place, depth: place.depth + 1 }, '    ');
    return `{\n${text}${last === '' ? '' : `    ${last}\n`}}`;
  }

  #statement(scope: Scope, place: Place): string {
    const plain: (() => string)[] = [
      () => this.#assignment(scope),
      () => this.#assignment(scope),
      () => this.#reassignment(scope),
      () => this.#if(scope, place),
      () => this.#match(scope, place),
      () => this.#memory(scope),
      () => this.#emit(scope),
    ];
    if (place.inLoop)
      plain.push(() => `if ${this.expr('bool', scope, 1)} { ${this.one(['break', 'continue'])} }`);
    if (place.depth < 3) {
      plain.push(
        () => this.#foreach(scope, place),
        () => this.#while(scope, place),
        () => this.#blockMatch(scope, place),
        () => this.#try(scope, place),
      );
    }
    if (!place.isRigid && place.depth < 2) plain.push(...this.#blocks(scope, place));
    return this.one(plain)();
  }

  #blocks(scope: Scope, place: Place): (() => string)[] {
    const blocks = [
      () => `@rigid ${this.#body(scope, { ...place, isRigid: true, inLoop: false })}`,
      () => this.#parallel(scope, place),
      () =>
        `@budget ${this.#body(scope, place).replace('{', '{\n    max_duration = 5m\n    max_llm_calls = 3')}`,
      () => `@debug { log(${this.expr('string', scope, 1)}) }`,
      () => this.#pipe(scope),
    ];
    if (this.#options.isDeterministic === true) return blocks;
    blocks.push(
      () => this.#flexible(scope),
      () => this.#guarded(scope),
      () => this.#modelCall(scope),
      () => this.#coreCall(scope),
      () => this.#await(scope),
      () => this.#plugin(scope),
    );
    if (!place.inParallel) blocks.push(() => this.#checkpoint(scope));
    return blocks;
  }

  // ---- Plain statements ----

  #declare(scope: Scope, type: Ty): string {
    const name = this.fresh('v');
    scope.set(name, type);
    return name;
  }

  #assignment(scope: Scope): string {
    const type = this.type();
    const value = this.expr(type, scope, 3);
    const name = this.#declare(scope, type);
    const needsType = type === 'Kind' || type === 'money' || type === 'Item' || this.pick(4) === 0;
    return `${name}${needsType ? `: ${this.written(type)}` : ''} = ${value}`;
  }

  #reassignment(scope: Scope): string {
    const variables = [...scope].filter(([name]) => name.startsWith('v'));
    if (variables.length === 0) return this.#assignment(scope);
    const [name, type] = this.one(variables);
    if (type === 'Item' && this.pick(2) === 0) return `${name}.count = ${this.expr('int', scope, 2)}`;
    return `${name} = ${this.expr(type, scope, 2)}`;
  }

  #if(scope: Scope, place: Place): string {
    const then = `if ${this.expr('bool', scope, 2)} ${this.#body(scope, place)}`;
    if (this.pick(2) === 0) return then;
    if (this.pick(3) === 0)
      return `${then} else if ${this.expr('bool', scope, 1)} ${this.#body(scope, place)}`;
    return `${then} else ${this.#body(scope, place)}`;
  }

  #match(scope: Scope, place: Place): string {
    if (this.pick(2) === 0) {
      const arms = KIND_SYMBOLS.map((symbol) => `:${symbol} => ${this.#body(scope, place)}`);
      return `match ${this.kindName(scope)} {\n${indented(arms.join('\n'))}\n}`;
    }
    const first = `${this.pick(9)} | ${10 + this.pick(9)}`;
    const arms = [
      `${first} => ${this.#body(scope, place)}`,
      `_ if ${this.expr('bool', scope, 1)} => ${this.#body(scope, place)}`,
      `_ => ${this.#body(scope, place)}`,
    ];
    return `match ${this.expr('int', scope, 1)} {\n${indented(arms.join('\n'))}\n}`;
  }

  #memory(scope: Scope): string {
    return this.one([
      () => `memory.total = ${this.expr('int', scope, 2)}`,
      () => `memory.words.add(${this.expr('string', scope, 1)})`,
      () => `memory.counts.set(${this.expr('string', scope, 1)}, ${this.expr('int', scope, 1)})`,
      () => {
        const key = this.expr('string', scope, 1);
        return `${this.#declare(scope, 'int')} = memory.counts.get(${key}) ?? 0`;
      },
      () => `${this.#declare(scope, 'strings')} = memory.words`,
    ])();
  }

  #emit(scope: Scope): string {
    if (this.pick(3) === 0) return 'emit happened';
    return `emit counted {\n    count = ${this.expr('int', scope, 1)}\n    label = ${this.expr('string', scope, 1)}\n}`;
  }

  #pipe(scope: Scope): string {
    const value = `(${this.expr('string', scope, 1)}).lower()`;
    const stages = this.one([
      '|> shouted',
      '|> polished |> shouted',
      '|?> (n > 1) shouted',
      '|~> shouted, until = is_long, max = 3',
    ]);
    return `${this.#declare(scope, 'string')} = ${value} ${stages}`;
  }

  // ---- Blocks ----

  #foreach(scope: Scope, place: Place): string {
    const inner = new Map(scope);
    const item = this.fresh('item');
    const list = this.expr('ints', scope, 2);
    inner.set(item, 'int');
    const index = this.pick(2) === 0 ? this.fresh('at') : undefined;
    if (index !== undefined) inner.set(index, 'int');
    const result = this.one(['int', 'string'] as const);
    const body = this.#body(inner, { ...place, inLoop: true }, `yield ${this.expr(result, inner, 2)}`);
    const name = this.#declare(scope, result === 'int' ? 'ints' : 'strings');
    return `${name} = @foreach ${item}${index === undefined ? '' : `, ${index}`} in ${list} ${body}`;
  }

  #while(scope: Scope, place: Place): string {
    const condition = this.expr('bool', scope, 1);
    return `@while ${condition} (max_iterations = ${1 + this.pick(20)}) ${this.#body(scope, { ...place, inLoop: true }, 'break')}`;
  }

  #blockMatch(scope: Scope, place: Place): string {
    const subject = `(${this.expr('string', scope, 1)}).lower()`;
    const arms = [
      `"a" | "b" => ${this.expr('int', scope, 1)}`,
      `_ => ${this.#body(scope, { ...place, inLoop: false }, `(${this.expr('int', scope, 1)})`)}`,
    ];
    return `${this.#declare(scope, 'int')} = @match ${subject} {\n${indented(arms.join('\n'))}\n}`;
  }

  #try(scope: Scope, place: Place): string {
    const problem = this.fresh('problem');
    const body = this.#body(scope, { ...place, inLoop: false }, `(${this.expr('int', scope, 2)})`);
    const caught = this.#body(scope, { ...place, inLoop: false }, `${problem}.message.length`);
    const kind = this.one(['', 'ArithmeticError ', 'FailError ']);
    return `${this.#declare(scope, 'int')} = @try ${body} @catch ${kind}${problem} ${caught}`;
  }

  #parallel(scope: Scope, place: Place): string {
    const inner = { ...place, isRigid: true, inParallel: true, inLoop: false };
    const left = this.#body(scope, inner, `yield ${this.expr('int', scope, 2)}`);
    const right = this.#body(scope, inner, `yield ${this.expr('string', scope, 2)}`);
    const isLenient = this.pick(3) === 0;
    const head = `@parallel (${isLenient ? 'fail_fast = false, ' : ''}max_concurrent = ${1 + this.pick(3)})`;
    const [first, second] = [this.fresh('v'), this.fresh('v')];
    const branches = [`${first} = @rigid ${left}`, `${second} = @rigid ${right}`];
    if (this.#options.isDeterministic !== true && this.pick(2) === 0)
      branches.push(this.#flexible(new Map(scope), true));
    // A branch that may fail alone gives a value or null.
    if (!isLenient) scope.set(first, 'int').set(second, 'string');
    return `${head} {\n${indented(branches.join('\n'))}\n}`;
  }

  #flexible(scope: Scope, isBranch = false): string {
    const fields = [
      'goal = "Read it."',
      `input = { text: ${this.expr('string', scope, 1)} }`,
      'output = Reading',
    ];
    if (this.pick(2) === 0) fields.push('llm = primary', 'guidance = "Be short."');
    if (this.pick(2) === 0)
      fields.push('on_failure = {\n    parse_error = retry(max = 2, with = "JSON") | escalate\n}');
    if (this.pick(2) === 0) fields.push('@budget { max_retries = 3 }');
    const name = this.fresh('reading');
    const text = `${name} = @flexible {\n${indented(fields.join('\n'))}\n}`;
    return isBranch ? text : `${text}\n${this.#declare(scope, 'string')} = ${name}.text`;
  }

  #guarded(scope: Scope): string {
    const name = this.fresh('guarded');
    const fields = [
      'goal = "Read it."',
      `input = { text: ${this.expr('string', scope, 1)}, size: ${this.expr('int', scope, 1)} }`,
      'output: { words: array[string], score: float }',
      'guard = {\n    input.size <= 50\n    input.text.length >= 0\n}',
      'validate = {\n    output.words.all(word => word.length > 0)\n    output.score <= 1.0\n}',
    ];
    const text = `${name} = @guarded {\n${indented(fields.join('\n'))}\n}`;
    return `${text}\n${this.#declare(scope, 'strings')} = ${name}.words`;
  }

  #modelCall(scope: Scope): string {
    const name = this.fresh('spoken');
    const input = this.expr('string', scope, 1);
    return `${name} = @model_call {
    modality = :tts
    llm = voice
    input = { text: ${input} }
    params = { speed: 1.5 }
    output = { sound: url }
}
${this.#declare(scope, 'string')} = "\${${name}.sound}"`;
  }

  #checkpoint(scope: Scope): string {
    const payload = this.expr('string', scope, 1);
    if (this.pick(2) === 0) {
      return `@checkpoint choice {
    present = { prompt: "Which?", payload: ${payload} }
    options = ["a", "b"]
    on_response = {
        "a" => { emit chosen { way = "a" } }
        "b" => { emit chosen { way = "b" } }
    }
}`;
    }
    const name = this.fresh('decision');
    return `${name} = @checkpoint approval {
    present = {
        prompt = "Go on?"
        payload = ${payload}
    }
    options = ["yes", "no"]
    timeout = 1h
    on_timeout = "no"
}
${this.#declare(scope, 'bool')} = ${name} == "yes"`;
  }

  #coreCall(scope: Scope): string {
    const name = this.fresh('answer');
    return `${name} = @core_call core://acme/other {
    flow = "f"
    input = { text: ${this.expr('string', scope, 1)} }
    timeout = 30s
}`;
  }

  #await(scope: Scope): string {
    const [handle, all] = [this.fresh('handle'), this.fresh('all')];
    return `${handle} = @core_call core://acme/other {
    flow = "f"
    input = { n: ${this.expr('int', scope, 1)} }
    is_async = true
}
${all} = @await_responses {
    from = [${handle}]
    mode = :all
    timeout = 30s
}`;
  }

  #plugin(scope: Scope): string {
    const path = this.expr('string', scope, 1);
    return `${this.#declare(scope, 'string')} = files.read(${path})`;
  }
}

const indented = (text: string): string =>
  text
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}`))
    .join('\n');
