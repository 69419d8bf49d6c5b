// `--mock FILE`: scripted answers, `{ "models": { role: [answers] }, "plugins": { "alias.method": [answers] } }`. The last
// answer of each stays.
import { GrainError } from '../../../lib/index.ts';
import {
  type JsonValue,
  MockModelProvider,
  type PluginHost,
  ScaiCoreError,
} from '../../../lib/lang/index.ts';

export interface Mocks {
  readonly models: MockModelProvider;
  readonly plugins: PluginHost;
}

type Answers = Readonly<Record<string, readonly JsonValue[]>>;

/** @throws ERR_OPTION_INVALID */
export function readMocks(value: JsonValue): Mocks {
  const { models, plugins, ...rest } = objectOf(value, '--mock');
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw invalid(`--mock has no part '${unknown}': there are models and plugins`);
  const answers = answersOf(plugins, 'plugins');
  const used = new Map<string, number>();
  return {
    models: new MockModelProvider({ byRole: answersOf(models, 'models') }),
    plugins: {
      has: () => true,
      call: ({ alias, method }) => {
        const target = `${alias}.${method}`;
        const count = used.get(target) ?? 0;
        used.set(target, count + 1);
        const list = answers[target];
        const answer = list?.[Math.min(count, list.length - 1)];
        if (answer !== undefined) return answer;
        throw new ScaiCoreError('PluginError', `--mock has no answer for ${target}`);
      },
    },
  };
}

function answersOf(value: JsonValue | undefined, part: string): Answers {
  const entries = Object.entries(value === undefined ? {} : objectOf(value, part));
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
