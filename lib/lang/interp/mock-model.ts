// A model that says what it was told to: for tests. Owns the order of its answers, and a plausible one where none is left.
import type { IRType, JsonValue } from '../ir/ir.ts';
import type {
  ModelCallRequest,
  ModelProvider,
  ModelRequest,
  ModelResult,
  ModelUsage,
} from './host-environment.ts';
import { isList, isObject, type MutableObject } from './values.ts';

/** Data, text as it is, a whole result, an error to throw, or a function that gives one of these. */
export type MockAnswer = JsonValue | Error | { readonly result: Partial<ModelResult> };
export type MockScript = MockAnswer | ((request: ModelRequest) => MockAnswer | Promise<MockAnswer>);

export interface MockModelOptions {
  /** Answers by role, used in their order; the last one stays. */
  readonly byRole?: Readonly<Record<string, readonly MockScript[]>>;
  /** Answers in the order of the requests, for roles that have none. */
  readonly sequence?: readonly MockScript[];
  /** Of `@model_call`. */
  readonly call?: (request: ModelCallRequest) => JsonValue | Promise<JsonValue>;
  readonly embed?: (text: string) => readonly number[];
  readonly usage?: ModelUsage;
}

const USAGE: ModelUsage = Object.freeze({ inputTokens: 10, outputTokens: 5 });

export class MockModelProvider implements ModelProvider {
  readonly #options: MockModelOptions;
  readonly #used = new Map<string, number>();
  readonly #requests: ModelRequest[] = [];
  readonly #calls: ModelCallRequest[] = [];

  constructor(options: MockModelOptions = {}) {
    this.#options = options;
  }

  /** In their order. */
  get requests(): readonly ModelRequest[] {
    return this.#requests;
  }

  get calls(): readonly ModelCallRequest[] {
    return this.#calls;
  }

  async complete(request: ModelRequest): Promise<ModelResult> {
    this.#requests.push(request);
    const script = this.#next(request);
    const answer = typeof script === 'function' ? await script(request) : script;
    const usage = this.#options.usage ?? USAGE;
    const whole: ModelResult = { text: '', usage, finish: 'stop', model: request.model.model };
    if (answer instanceof Error) throw answer;
    if (answer === undefined) {
      const value = request.outputType ? plausible(request.outputType) : 'text';
      return { ...whole, text: JSON.stringify(value) };
    }
    if (isScripted(answer)) return { ...whole, ...answer.result };
    return { ...whole, text: typeof answer === 'string' ? answer : JSON.stringify(answer) };
  }

  async call(request: ModelCallRequest): Promise<{ output: JsonValue; usage: ModelUsage; model: string }> {
    this.#calls.push(request);
    const output = (await this.#options.call?.(request)) ?? null;
    return { output, usage: this.#options.usage ?? USAGE, model: request.model.model };
  }

  embed(request: { readonly texts: readonly string[] }): Promise<readonly (readonly number[])[]> {
    const embed = this.#options.embed ?? lettersOf;
    return Promise.resolve(request.texts.map(embed));
  }

  #next({ role }: ModelRequest): MockScript | undefined {
    const { byRole = {}, sequence = [] } = this.#options;
    const own = Object.hasOwn(byRole, role) ? byRole[role] : undefined;
    const scripts = own ?? sequence;
    const key = own ? `role ${role}` : 'sequence';
    const used = this.#used.get(key) ?? 0;
    this.#used.set(key, used + 1);
    return scripts[used] ?? (own ? scripts.at(-1) : undefined);
  }
}

function isScripted(answer: Exclude<MockAnswer, Error>): answer is { readonly result: Partial<ModelResult> } {
  if (typeof answer !== 'object' || answer === null || isList(answer as JsonValue)) return false;
  const { result } = answer as { readonly result?: unknown };
  return Object.keys(answer).length === 1 && isObject(result as JsonValue) && isResult(result as object);
}

function isResult(result: object): boolean {
  const known = ['text', 'usage', 'finish', 'confidence', 'model'];
  return Object.keys(result).length > 0 && Object.keys(result).every((name) => known.includes(name));
}

/** Of each letter how often it stands there: enough for "the same words are near". */
function lettersOf(text: string): readonly number[] {
  const counts = new Array<number>(26).fill(0);
  for (const letter of text.toLowerCase()) {
    const at = letter.charCodeAt(0) - 97;
    if (at >= 0 && at < 26) counts[at] = (counts[at] ?? 0) + 1;
  }
  return counts;
}

const PRIMITIVE_VALUES: Readonly<Record<string, JsonValue>> = {
  string: 'text',
  int: 1,
  float: 1.5,
  bool: true,
  money: 1,
  date: '2026-01-01',
  datetime: '2026-01-01T00:00:00Z',
  duration: 1000,
  email: 'a@example.com',
  url: 'https://example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/** A value of the type; of named ones nothing is known here, so null. */
function plausible(type: IRType): JsonValue {
  switch (type.kind) {
    case 'primitive':
      return PRIMITIVE_VALUES[type.name] ?? null;
    case 'array':
      return [plausible(type.item as IRType)];
    case 'map':
      return { key: plausible(type.value as IRType) };
    case 'object': {
      const value: MutableObject = {};
      for (const field of type.fields) value[field.name] = plausible(field.type as IRType);
      return value;
    }
    case 'enum':
      return type.symbols[0] ?? null;
    case 'union':
      return type.members[0] ? plausible(type.members[0] as IRType) : null;
    case 'optional':
      return plausible(type.inner as IRType);
    case 'literal':
      return type.value;
    case 'named':
    case 'null':
    case 'dynamic':
      return null;
  }
}
