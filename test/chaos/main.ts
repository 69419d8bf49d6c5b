// `npm run chaos`: a chaos run on real processes and a real Redis. Exit code 0: no violation; 1: some; 2: it could not start.
import { parseArgs } from 'node:util';
import { isInstalled, REDIS_HELP } from '../support/redis-server.ts';
import { runChaos } from './chaos-run.ts';
import { type ChaosOptions, DEFAULTS } from './chaos-types.ts';
import { FAULT_KINDS } from './faults.ts';
import { reportText } from './report-text.ts';

const USAGE = `npm run chaos -- [--minutes 1] [--seed N] [--silos 3] [--gateways 2] [--rate 400] [--accounts 300]
                  [--only 'kill silo,drain silo'] [--source] [--no-loss] [--keep] [--verbose] [--json]

Runs a cluster of real processes on a real Redis, with clients that stream numbered events and call, while silos and
gateways are killed, stopped, drained and restarted, Redis is killed and suspended, and connections are cut. Then checks
that everything acknowledged took effect exactly once, in order, and by one activation at a time; at the end Redis loses
its data. --source runs the sources instead of dist, --no-loss leaves out the end, --keep keeps logs and data
also of a run without violations, --verbose tells each fault. Faults: ${FAULT_KINDS.join(', ')}.
`;

interface Asked {
  readonly options: ChaosOptions;
  readonly isJson: boolean;
}

function ask(args: readonly string[]): Asked | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string' },
      silos: { type: 'string' },
      gateways: { type: 'string' },
      rate: { type: 'string' },
      accounts: { type: 'string' },
      only: { type: 'string' },
      keep: { type: 'boolean', default: false },
      source: { type: 'boolean', default: false },
      'no-loss': { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const { load, seed, silos, gateways } = DEFAULTS;
  return {
    isJson: values.json,
    options: {
      ...DEFAULTS,
      durationMs: positive('minutes', values.minutes, 1) * 60_000,
      seed: positive('seed', values.seed, values.seed === undefined ? Date.now() % 100_000 : seed),
      silos: positive('silos', values.silos, silos),
      gateways: positive('gateways', values.gateways, gateways),
      isFromSource: values.source,
      withLoss: !values['no-loss'],
      isVerbose: values.verbose,
      isKept: values.keep,
      kinds: kindsOf(values.only),
      load: {
        ...load,
        rate: positive('rate', values.rate, load.rate),
        accounts: positive('accounts', values.accounts, load.accounts),
      },
    },
  };
}

function kindsOf(only: string | undefined): readonly string[] {
  if (only === undefined) return FAULT_KINDS;
  const kinds = only.split(',').map((kind) => kind.trim());
  const wrong = kinds.find((kind) => !FAULT_KINDS.includes(kind));
  if (wrong === undefined) return kinds;
  throw new TypeError(`there is no fault ${wrong}; there are ${FAULT_KINDS.join(', ')}`);
}

function positive(name: string, text: string | undefined, instead: number): number {
  if (text === undefined) return instead;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new TypeError(`--${name} must be a number above 0, not ${text}`);
}

async function main(): Promise<number> {
  let asked: Asked | undefined;
  try {
    asked = ask(process.argv.slice(2));
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}`);
    return 2;
  }
  if (!asked) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (!isInstalled('redis-server')) {
    process.stderr.write(`There is no redis-server. Install it: ${REDIS_HELP}\n`);
    return 2;
  }
  const { options, isJson } = asked;
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  say(`chaos: seed ${options.seed}, ${options.durationMs / 60_000} min`);
  const report = await runChaos({ ...options, say });
  process.stdout.write(isJson ? `${JSON.stringify(report)}\n` : reportText(report));
  return report.violationCount === 0 ? 0 : 1;
}

// Our clock's timers do not keep a process alive; the run does.
const alive = setInterval(() => undefined, 2 ** 30);
process.on('SIGINT', () => process.exit(1));
process.on('SIGTERM', () => process.exit(1));
const code = await main();
clearInterval(alive);
process.exit(code);
