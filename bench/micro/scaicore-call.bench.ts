// Running a flow that does nothing: what an execution costs before it does anything. It answers at once, without a promise.
import { type Bench, check, checkEqual, type Contestant, type ContestantSpec, timed } from '../bench.ts';
import { FakeClock, SeededRng } from '../../lib/index.ts';
import { compile, CoreEngine, hostEnvironment, SourceText } from '../../lib/lang/index.ts';

const PROGRAM = `@core Call { version = "1.0.0" }
@flow main() { }
@flow echo(text: string, n: int): { text: string, n: int } { return { text: text, n: n + 1 } }`;

function openEngine(): CoreEngine {
  const { module, diagnostics } = compile(new SourceText('call.scaicore', PROGRAM));
  check(module !== undefined, diagnostics.map(({ message }) => message).join('; '));
  const clock = new FakeClock({ defer: setImmediate });
  return CoreEngine.load(module, hostEnvironment({ clock, rng: new SeededRng(1) }));
}

function contestant(name: string, label: string, openCall: () => () => boolean): ContestantSpec {
  const open = (): Promise<Contestant> => {
    const call = openCall();
    const opened: Contestant = {
      run: (count) =>
        timed(() => {
          let done = 0;
          for (let turn = 0; turn < count; turn += 1) if (call()) done += 1;
          checkEqual(done, count, 'calls that came to an end');
          return Promise.resolve(done);
        }),
    };
    return Promise.resolve(opened);
  };
  return { name, label, open };
}

export const bench: Bench = {
  name: 'scaicore-call',
  title: 'ScaiCore: executions per second',
  file: import.meta.url,
  unit: 'rate',
  work: { step: 10_000 },
  contestants: [
    contestant('granary', 'a flow that does nothing', () => {
      const engine = openEngine();
      return () => {
        const result = engine.execute({ flow: 'main' });
        return !(result instanceof Promise) && result.status === 'COMPLETED';
      };
    }),
    contestant('echo', 'a flow with two checked inputs', () => {
      const engine = openEngine();
      return () => {
        const result = engine.execute({ flow: 'echo', input: { text: 'hello', n: 1 } });
        return !(result instanceof Promise) && result.status === 'COMPLETED';
      };
    }),
    contestant('plain', 'a function that makes an object', () => {
      let count = 0;
      const execute = (input: object): { status: string; input: object; id: number } => {
        count += 1;
        return { status: 'COMPLETED', input, id: count };
      };
      return () => execute({ flow: 'main' }).status === 'COMPLETED';
    }),
  ],
  targets: [{ of: 'granary', atLeast: 1_000_000 }],
};
