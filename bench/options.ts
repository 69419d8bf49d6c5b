// The command line of the benches.
import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly isSmoke: boolean;
  readonly isJson: boolean;
  readonly isHelp: boolean;
  readonly isList: boolean;
  readonly rounds: number;
  readonly roundMs: number;
  readonly warmUpMs: number;
  /** Where the processes leave CPU profiles. */
  readonly profile: string | undefined;
  /** Parts of names; empty for all. */
  readonly only: readonly string[];
}

export const USAGE = `npm run bench -- [options]
  --smoke        every bench, for a moment: shows only that the work is done
  --only NAME    benches whose name has NAME in it; may be given again
  --rounds N     rounds that count (default 7, at least 5 for figures to quote)
  --profile DIR  each process leaves a CPU profile in DIR; figures suffer a little
  --json         the results as JSON on standard output
  --list         names of the benches
  --help         this text`;

const FULL = { rounds: 7, roundMs: 1_000, warmUpMs: 2_000 } as const;
const SMOKE = { rounds: 2, roundMs: 60, warmUpMs: 1 } as const;

/** @throws Error that says what is wrong with the command line */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      smoke: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      profile: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const defaults = values.smoke ? SMOKE : FULL;
  const rounds = values.rounds === undefined ? defaults.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new Error(`--rounds must be a whole number from 1, not ${values.rounds}`);
  }
  return {
    ...defaults,
    rounds,
    isSmoke: values.smoke,
    isJson: values.json,
    isHelp: values.help,
    isList: values.list,
    profile: values.profile,
    only: values.only,
  };
}

/** @throws Error when a name matches nothing */
export function chosen<B extends { readonly name: string; readonly isFullOnly?: boolean }>(
  benches: readonly B[],
  { only, isSmoke }: Pick<BenchOptions, 'only' | 'isSmoke'>,
): B[] {
  for (const part of only) {
    if (benches.some(({ name }) => name.includes(part))) continue;
    throw new Error(
      `no bench has '${part}' in its name; there are: ${benches.map(({ name }) => name).join(', ')}`,
    );
  }
  return benches.filter(({ name, isFullOnly = false }) => {
    return !(isSmoke && isFullOnly) && (only.length === 0 || only.some((part) => name.includes(part)));
  });
}
