// A loop of plain arithmetic in `@rigid`: what an operation of the language costs, beside the same loop in JavaScript.
import { type Bench, check, checkEqual, type Contestant, type ContestantSpec, timed } from '../bench.ts';
import { FakeClock, SeededRng } from '../../lib/index.ts';
import { compile, CoreEngine, hostEnvironment, SourceText } from '../../lib/lang/index.ts';

/** Turns of the loop in one call. */
const TURNS = 1_000_000;
/** Of one turn: a comparison, two sums, a product, a remainder. */
const OPERATIONS = 5;

const PROGRAM = `@core Loop { version = "1.0.0" }
@flow main(turns: int): int {
    @rigid {
        total = 0
        i = 0
        @while i < turns (max_iterations = 1000000000) {
            total = total + i * 3 % 7
            i = i + 1
        }
    }
    return total
}`;

function plainLoop(turns: number): number {
  let total = 0;
  let i = 0;
  while (i < turns) {
    total = total + ((i * 3) % 7);
    i = i + 1;
  }
  return total;
}

function openEngine(): (turns: number) => number {
  const { module, diagnostics } = compile(new SourceText('loop.scaicore', PROGRAM));
  check(module !== undefined, diagnostics.map(({ message }) => message).join('; '));
  const clock = new FakeClock({ defer: setImmediate });
  const engine = CoreEngine.load(module, hostEnvironment({ clock, rng: new SeededRng(1) }));
  return (turns) => {
    const result = engine.execute({ flow: 'main', input: { turns } });
    check(!(result instanceof Promise), 'the loop was waited for');
    check(typeof result.output === 'number', result.error?.message ?? 'no number came back');
    return result.output;
  };
}

function contestant(name: string, label: string, openLoop: () => (turns: number) => number): ContestantSpec {
  const open = (): Promise<Contestant> => {
    const run = openLoop();
    const expected = plainLoop(TURNS);
    const opened: Contestant = {
      run: (count) =>
        timed(() => {
          let done = 0;
          for (; done < count; done += TURNS) checkEqual(run(TURNS), expected, 'total');
          return Promise.resolve(done);
        }),
    };
    return Promise.resolve(opened);
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'scaicore-loop',
  title: 'ScaiCore: turns of a loop of five operations',
  file: import.meta.url,
  unit: 'rate',
  work: { step: TURNS },
  contestants: [
    contestant('granary', 'the engine', openEngine),
    contestant('plain', 'the same loop in JavaScript', () => plainLoop),
  ],
  targets: [
    { of: 'granary', atLeast: 20_000_000 / OPERATIONS },
    { of: 'granary', beside: 'plain', atLeast: 1 / 15 },
    { of: 'granary', beside: 'plain', atLeast: 1 / 8, isAim: true },
  ],
};
