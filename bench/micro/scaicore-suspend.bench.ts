// Suspending an execution with 100 KB of variables and going on with it in another engine, without storage; beside it the
// JSON of those variables, written and read once.
import { type Bench, check, checkEqual, type Contestant, type ContestantSpec, timed } from '../bench.ts';
import { FakeClock, SeededRng } from '../../lib/index.ts';
import {
  type CheckpointRecord,
  compile,
  CoreEngine,
  hostEnvironment,
  SourceText,
} from '../../lib/lang/index.ts';

const PROGRAM = `@core Suspend { version = "1.0.0" }
@flow main(lines: array[{ id: int, text: string, tags: array[string] }]): int {
    count = 0
    @foreach line in lines {
        count = count + 1
        if line.id == 500 {
            decision = @checkpoint approval { options = ["go"] }
        }
    }
    return count
}`;

/** About 100 KB as JSON. */
const LINES = Array.from({ length: 1_000 }, (_none, id) => ({
  id,
  text: `line ${id} of a document that somebody wrote, and that takes its place`,
  tags: ['a', 'b'],
}));

/** Records stay what they are: storage is not measured, but the state does go through JSON, as it would there. */
class JsonCheckpoints {
  #text = '';

  save(record: CheckpointRecord): void {
    this.#text = JSON.stringify(record);
  }

  load(): CheckpointRecord {
    return JSON.parse(this.#text) as CheckpointRecord;
  }

  take(): CheckpointRecord {
    return this.load();
  }
}

class RecordCheckpoints {
  #record: CheckpointRecord | undefined;

  save(record: CheckpointRecord): void {
    this.#record = record;
  }

  load(): CheckpointRecord | undefined {
    return this.#record;
  }

  take(): CheckpointRecord | undefined {
    return this.#record;
  }
}

function engineWith(checkpoints: JsonCheckpoints | RecordCheckpoints): () => Promise<number> {
  const { module, diagnostics } = compile(new SourceText('suspend.scaicore', PROGRAM));
  check(module !== undefined, diagnostics.map(({ message }) => message).join('; '));
  const clock = new FakeClock({ defer: setImmediate });
  const env = hostEnvironment({ clock, rng: new SeededRng(1), checkpoints });
  const first = CoreEngine.load(module, env);
  const second = CoreEngine.load(module, env);
  return async () => {
    const suspended = await first.invoke({ flow: 'main', input: { lines: LINES } });
    const checkpointId = suspended.checkpoint?.checkpointId ?? '';
    const result = await second.resume({ checkpointId, resolution: { decision: 'go' } });
    return result.output === LINES.length ? 1 : 0;
  };
}

function contestant(name: string, label: string, openTurn: () => () => Promise<number>): ContestantSpec {
  const open = (): Promise<Contestant> => {
    const turn = openTurn();
    const opened: Contestant = {
      run: async (count) => {
        const sample = await timed(async () => {
          let done = 0;
          for (let at = 0; at < count; at += 1) done += await turn();
          checkEqual(done, count, 'executions that went on');
          return done;
        });
        return { ...sample, value: sample.elapsedMs / sample.done };
      },
    };
    return Promise.resolve(opened);
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'scaicore-suspend',
  title: 'ScaiCore: suspend and resume, 100 KB of variables',
  file: import.meta.url,
  unit: 'ms',
  work: { step: 20 },
  contestants: [
    contestant('granary', 'with its input checked, without storage', () =>
      engineWith(new RecordCheckpoints()),
    ),
    contestant('json', 'the same, the record through JSON', () => engineWith(new JsonCheckpoints())),
    contestant('floor', 'the variables through JSON once', () => () => {
      const copy = JSON.parse(JSON.stringify(LINES)) as typeof LINES;
      return Promise.resolve(copy.length === LINES.length ? 1 : 0);
    }),
  ],
  targets: [{ of: 'granary', atMost: 2 }],
};
