// The whole compiler, from text to verified IR, over a program as people write them and over one ten times as long;
// beside it a bare look at each character.
import { type Bench, check, checkEqual, type Contestant, type ContestantSpec, timed } from '../bench.ts';
import { compile, SourceText } from '../../lib/lang/index.ts';

/** Flows in the programs; each is 21 lines of what programs are made of. */
const USUAL_FLOWS = 15;
/** Ten times the lines, heads included: a round of either is the same work. */
const LONG_FLOWS = 153;

function flowText(index: number): string {
  return `
// Number ${index} of many.
@flow handle_${index}(order_id: string, amounts: array[money], note: string = "none"): Verdict_${index} {
    @rigid {
        total = amounts.sum(amount => amount * 2)
        label = "order \${order_id}: \${note.trim()}"
        if total > config.limit && amounts.length > 0 {
            memory.totals.set(order_id, total)
        } else {
            total = total + 1.00
        }
        names = amounts.filter(amount => amount > 0.50).map(amount => amount.to_string())
        first = names.first ?? "nothing"
    }
    kinds = @foreach name in names {
        yield name.upper()
    }
    return { label: label, total: total, first: first, kinds: kinds }
}

type Verdict_${index} = { label: string, total: money, first: string, kinds: array[string] }
`;
}

function programText(flowCount: number): string {
  const flows = Array.from({ length: flowCount }, (_none, index) => flowText(index));
  return `@core Long {
    version = "1.0.0"
    instance = :entity(key = "order_id")
    @memory { totals: map[string, money] }
    @config { @param limit: money = 10.00 }
}
${flows.join('')}`;
}

const LONG_LINES = linesOf(programText(LONG_FLOWS));

function linesOf(text: string): number {
  return new SourceText('bench.scaicore', text).lineCount;
}

/** `label` is followed by the number of lines of the program. */
function contestant(
  name: string,
  label: string,
  flowCount: number,
  pass: (source: SourceText) => number,
): ContestantSpec {
  const text = programText(flowCount);
  const lines = linesOf(text);
  const open = (): Promise<Contestant> => {
    const contestantOf: Contestant = {
      keepsGarbage: true,
      run: (count) =>
        timed(() => {
          let done = 0;
          for (; done < count; done += lines)
            checkEqual(pass(new SourceText('bench.scaicore', text)), flowCount, 'flows');
          return Promise.resolve(done);
        }),
    };
    return Promise.resolve(contestantOf);
  };
  return { name, label: `${label} ${lines} lines`, open };
}

function compiled(source: SourceText): number {
  const { module, diagnostics } = compile(source);
  check(module !== undefined, diagnostics.map(({ message }) => message).join('; '));
  return module.flows.length;
}

function lookedAt({ text }: SourceText): number {
  let found = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) === 0x40 && text.startsWith('@flow', at)) found += 1;
  }
  return found;
}

export const bench: Bench = {
  name: 'scaicore-compile',
  title: 'ScaiCore: compiling, lines per second',
  file: import.meta.url,
  unit: 'rate',
  work: { step: LONG_LINES },
  contestants: [
    contestant('granary', 'compile, to verified IR,', USUAL_FLOWS, compiled),
    contestant('long', 'the same,', LONG_FLOWS, compiled),
    contestant('look', 'a look at each character of', LONG_FLOWS, lookedAt),
  ],
  targets: [
    { of: 'granary', atLeast: 200_000 },
    { of: 'long', atLeast: 200_000, isAim: true },
  ],
};
