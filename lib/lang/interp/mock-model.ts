// A model that says what it was told to: for tests. Owns the order of its answers, and a plausible one where none is left.
import type { JsonValue } from '../ir/ir.ts';
import type {
  ModelCallRequest,
  ModelProvider,
  ModelRequest,
  ModelResult,
  ModelUsage,
} from './host-environment.ts';
import { fieldOf, isList, isObject, type MutableObject } from './values.ts';

/** Data, text as it is, a whole result, an error to throw, or a function that gives one of these. */
export type MockAnswer = JsonValue | Error | { readonly result: Partial<ModelResult> };
export type MockScript = MockAnswer | ((request: ModelRequest) => MockAnswer | Promise<MockAnswer>);

export interface MockModelOptions {
  /** Answers by role, used in their order; the last one stays. Data and errors answer `@model_call`, too. */
  readonly byRole?: Readonly<Record<string, readonly MockScript[]>>;
  /** Answers in the order of the requests, for roles that have none. */
  readonly sequence?: readonly MockScript[];
  /** Of `@model_call`; goes before `byRole`. */
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
      const { outputSchema } = request;
      return {
        ...whole,
        text: outputSchema === undefined ? 'text' : JSON.stringify(plausible(outputSchema)),
      };
    }
    if (isScripted(answer)) return { ...whole, ...answer.result };
    return { ...whole, text: typeof answer === 'string' ? answer : JSON.stringify(answer) };
  }

  async call(request: ModelCallRequest): Promise<{ output: JsonValue; usage: ModelUsage; model: string }> {
    this.#calls.push(request);
    const { call } = this.#options;
    const output = call ? await call(request) : this.#callAnswer(request.role);
    return { output, usage: this.#options.usage ?? USAGE, model: request.model.model };
  }

  embed(request: { readonly texts: readonly string[] }): Promise<readonly (readonly number[])[]> {
    const embed = this.#options.embed ?? lettersOf;
    return Promise.resolve(request.texts.map(embed));
  }

  #callAnswer(role: string): JsonValue {
    const { byRole = {} } = this.#options;
    const answer = Object.hasOwn(byRole, role) ? this.#next({ role }) : null;
    if (answer instanceof Error) throw answer;
    return answer === undefined || typeof answer === 'function' ? null : (answer as JsonValue);
  }

  #next({ role }: Pick<ModelRequest, 'role'>): MockScript | undefined {
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

const FORMATS: Readonly<Record<string, JsonValue>> = {
  date: '2026-01-01',
  'date-time': '2026-01-01T00:00:00Z',
  email: 'a@example.com',
  uri: 'https://example.com',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/** A value that fits the schema, as small as may be. */
function plausible(schema: JsonValue, root = schema, depth = 0): JsonValue {
  if (!isObject(schema) || depth > 20) return null;
  const at = (name: string): JsonValue => fieldOf(schema, name);
  const of = (inner: JsonValue): JsonValue => plausible(inner, root, depth + 1);
  const reference = at('$ref');
  if (typeof reference === 'string') return of(definition(root, reference.replace('#/$defs/', '')));
  const [options, anyOf] = [at('enum'), at('anyOf')];
  if (isList(options)) return options[0] ?? null;
  // What may be null may end there: types that contain themselves would never end otherwise.
  if (isList(anyOf)) return anyOf.some(isNullSchema) && depth > 3 ? null : of(anyOf[0] ?? null);
  const type = at('type');
  switch (isList(type) ? type[0] : type) {
    case 'string':
      return FORMATS[String(at('format'))] ?? 'text';
    case 'integer':
      return 1;
    case 'number':
      return 1.5;
    case 'boolean':
      return true;
    case 'array':
      return depth > 3 ? [] : [of(at('items'))];
    case 'object': {
      const value: MutableObject = {};
      const properties = at('properties');
      if (isObject(properties))
        for (const name of Object.keys(properties)) value[name] = of(fieldOf(properties, name));
      return value;
    }
    default:
      return null;
  }
}

function isNullSchema(schema: JsonValue): boolean {
  return isObject(schema) && schema['type'] === 'null';
}

function definition(root: JsonValue, name: string): JsonValue {
  const definitions = isObject(root) ? fieldOf(root, '$defs') : null;
  return isObject(definitions) ? fieldOf(definitions, name) : null;
}
