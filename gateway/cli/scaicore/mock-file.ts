// `--mock FILE`: scripted answers of models, plugins and other Cores, by role, `alias.method` and address. The last answer
// of each stays.
import { GrainError } from '../../../lib/index.ts';
import {
  type CoreDispatcher,
  type JsonValue,
  MockModelProvider,
  type PluginHost,
  ScaiCoreError,
  type ScaiCoreErrorType,
} from '../../../lib/lang/index.ts';

export interface Mocks {
  /** Undefined where the file says nothing of models. */
  readonly models: MockModelProvider | undefined;
  /** What it does not answer is left to the plugins that are really there. */
  plugins(real: PluginHost | undefined): PluginHost;
  readonly dispatcher: CoreDispatcher;
}

type Answers = Readonly<Record<string, readonly JsonValue[]>>;

/** @throws ERR_OPTION_INVALID */
export function readMocks(value: JsonValue): Mocks {
  const { models, plugins, cores, ...rest } = objectOf(value, '--mock');
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw invalid(`--mock has no part '${unknown}': there are models, plugins and cores`);
  const pluginAnswers = new Script(answersOf(plugins, 'plugins'), 'PluginError');
  const coreAnswers = new Script(answersOf(cores, 'cores'), 'CoreCallError');
  return {
    models: models === undefined ? undefined : new MockModelProvider({ byRole: answersOf(models, 'models') }),
    plugins: (real) => ({
      has: () => true,
      call: (call) => {
        const target = `${call.alias}.${call.method}`;
        return real && !pluginAnswers.has(target) ? real.call(call) : pluginAnswers.next(target);
      },
    }),
    dispatcher: {
      call: ({ target }) => coreAnswers.next(target),
      start: ({ target }) => target,
      wait: (handles) => handles.map((handle) => coreAnswers.next(handle)),
    },
  };
}

/** Answers in their order. */
class Script {
  readonly #answers: Answers;
  readonly #errorType: ScaiCoreErrorType;
  readonly #used = new Map<string, number>();

  constructor(answers: Answers, errorType: ScaiCoreErrorType) {
    this.#answers = answers;
    this.#errorType = errorType;
  }

  has(target: string): boolean {
    return Object.hasOwn(this.#answers, target);
  }

  /** @throws an error that the program may catch */
  next(target: string): JsonValue {
    const list = this.has(target) ? (this.#answers[target] ?? []) : [];
    const count = this.#used.get(target) ?? 0;
    this.#used.set(target, count + 1);
    const answer = list[Math.min(count, list.length - 1)];
    if (answer !== undefined) return answer;
    throw new ScaiCoreError(this.#errorType, `--mock has no answer for ${target}`);
  }
}

function answersOf(value: JsonValue | undefined, part: string): Answers {
  const entries = Object.entries(value === undefined ? {} : objectOf(value, `--mock: ${part}`));
  return Object.fromEntries(
    entries.map(([name, list]) => {
      if (!Array.isArray(list)) throw invalid(`--mock: ${part}.${name} has to be a list of answers`);
      return [name, list as readonly JsonValue[]];
    }),
  );
}

function objectOf(value: JsonValue, what: string): Readonly<Record<string, JsonValue>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Readonly<Record<string, JsonValue>>;
  throw invalid(`${what} has to be an object`);
}

function invalid(message: string): GrainError {
  return new GrainError('ERR_OPTION_INVALID', { message, option: 'mock' });
}
