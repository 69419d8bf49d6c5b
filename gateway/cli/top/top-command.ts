// `granary top`: the load of a host, live. At a terminal on the alternate screen, so that what was there comes back.
//   T1. Whatever ends it, the screen, the cursor and the keyboard are given back.
import type { ClusterReport } from '../../../silo/index.ts';
import type { GranaryConfig } from '../../config/config-keys.ts';
import { askFor, type Target, targetOf } from '../ask.ts';
import type { Cli, ExitCode } from '../cli.ts';
import { describeFailure } from '../failure.ts';
import { readSettings } from '../settings-file.ts';
import { timeOf } from '../terminal-log.ts';
import { frameLines, loadOf } from './frame.ts';

export interface TopFlags extends Partial<Pick<GranaryConfig, 'url' | 'token'>> {
  /** Seconds between looks. */
  readonly interval?: number;
  readonly once?: boolean;
  readonly json?: boolean;
  readonly config?: string;
}

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
/** Ctrl-C and Escape among them: raw, the terminal makes no signal of them. */
const QUIT_KEYS: ReadonlySet<string> = new Set(['q', 'Q', '\u0003', '\u001b']);

export async function runTop(
  cli: Cli,
  { interval = 1, once: isOnce = false, json: isJson = false, config, ...settingFlags }: TopFlags,
): Promise<ExitCode> {
  const target = targetOf(await readSettings(cli, settingFlags, config));
  const first = await look(target);
  const watching: Watching = { cli, target, intervalMs: interval * 1_000, first };
  if (isOnce) return await showOnce(watching, isJson);
  if (isJson || !cli.terminal.isOutTty) return await showLines(watching, isJson);
  return await showLive(watching);
}

interface Watching {
  readonly cli: Cli;
  readonly target: Target;
  readonly intervalMs: number;
  readonly first: ClusterReport;
}

async function look(target: Target): Promise<ClusterReport> {
  return (await askFor(target, '/v1/cluster')) as ClusterReport;
}

/** Two looks, so that there are rates. */
async function showOnce({ cli, target, intervalMs, first }: Watching, isJson: boolean): Promise<ExitCode> {
  await pause(cli, intervalMs);
  show(cli, target, { now: await look(target), before: first }, isJson);
  return 0;
}

interface Looks {
  readonly now: ClusterReport;
  readonly before: ClusterReport | undefined;
}

function show({ terminal, clock }: Cli, { url }: Target, looks: Looks, isJson: boolean): void {
  if (isJson) {
    const { silos } = looks.now;
    terminal.out(
      `${JSON.stringify({ time_ms: clock.wallMs(), load: loadOf(looks.now, looks.before), silos })}\n`,
    );
    return;
  }
  const lines = frameLines(terminal, { url, ...looks, time: timeOf(clock), rows: undefined });
  terminal.out(`${lines.join('\n')}\n`);
}

async function showLines({ cli, target, intervalMs, first }: Watching, isJson: boolean): Promise<ExitCode> {
  let before = first;
  for (;;) {
    await pause(cli, intervalMs);
    if (cli.stopSignal.aborted) return 0;
    const now = await look(target);
    show(cli, target, { now, before }, isJson);
    before = now;
  }
}

async function showLive({ cli, target, intervalMs, first }: Watching): Promise<ExitCode> {
  const { terminal, clock } = cli;
  const keyboard = listen();
  let looks: Looks = { now: first, before: undefined };
  let problem: string | undefined;
  const draw = (): void => {
    const facts = { url: target.url, ...looks, time: timeOf(clock), rows: terminal.rows - 2 };
    const foot = problem === undefined ? terminal.paint('dim', 'q quits') : terminal.paint('red', problem);
    const lines = [...frameLines(terminal, facts), '', foot.slice(0, terminal.columns + 10)];
    terminal.out(HOME + lines.map((line) => line + CLEAR_LINE).join('\n') + CLEAR_BELOW);
  };
  process.stdout.on('resize', draw);
  terminal.out(ENTER);
  try {
    while (!keyboard.hasQuit() && !cli.stopSignal.aborted) {
      draw();
      await Promise.race([pause(cli, intervalMs), keyboard.quit]);
      try {
        looks = { now: await look(target), before: looks.now };
        problem = undefined;
      } catch (thrown) {
        // It may come back; the last picture stays.
        const { code, message } = describeFailure(thrown);
        problem = `${code}: ${message}`;
      }
    }
    return 0;
  } finally {
    process.stdout.off('resize', draw);
    keyboard.stop();
    terminal.out(LEAVE);
  }
}

function pause({ clock, stopSignal }: Cli, ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (stopSignal.aborted) return resolve();
    const timer = clock.setTimer(ms, resolve);
    const stop = (): void => {
      timer.cancel();
      resolve();
    };
    stopSignal.addEventListener('abort', stop, { once: true });
  });
}

interface Keyboard {
  readonly quit: Promise<void>;
  readonly hasQuit: () => boolean;
  readonly stop: () => void;
}

/** Raw, so that keys come at once and are not shown. */
function listen(): Keyboard {
  const { stdin } = process;
  let hasQuit = false;
  let resolveQuit: () => void = () => undefined;
  const quit = new Promise<void>((resolve) => (resolveQuit = resolve));
  const onData = (data: Buffer): void => {
    if (!QUIT_KEYS.has(data.toString())) return;
    hasQuit = true;
    resolveQuit();
  };
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', onData);
  return {
    quit,
    hasQuit: () => hasQuit,
    stop: () => {
      stdin.off('data', onData);
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
    },
  };
}
