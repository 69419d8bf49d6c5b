// `scaicore` as a process: its streams, standard input, a signal.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { GREET, ScaicoreFolder } from './in-process.ts';

const MAIN = fileURLToPath(new URL('../../../../gateway/cli/scaicore/main.ts', import.meta.url));
const TSX = new URL('../../../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;

interface Ended {
  readonly code: number | null;
  readonly signal?: string;
  readonly out: string;
  readonly err: string;
}

describe('scaicore process', function () {
  this.timeout(60_000);
  let folder: ScaicoreFolder;

  beforeEach(() => {
    folder = new ScaicoreFolder();
    folder.write('greet.scaicore', GREET);
  });
  afterEach(() => folder.remove());

  /** @param onErr sees what was said so far, and may send a signal */
  function run(
    args: readonly string[],
    { input = '', onErr }: { readonly input?: string; onErr?(text: string, kill: () => void): void } = {},
  ): Promise<Ended> {
    const env = { PATH: process.env['PATH'] };
    const child = spawn(process.execPath, ['--import', TSX, MAIN, ...args], { cwd: folder.path, env });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      onErr?.(err, () => child.kill('SIGINT'));
    });
    child.stdin.end(input);
    return new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, out, err, ...(signal && { signal }) }));
    });
  }

  it('run --input -: from standard input; result and talk on their own streams, without colours', async () => {
    const ran = await run(['run', '.', '--flow', 'greet', '--input', '-'], { input: '{"name":"Ada"}' });
    assert.deepEqual(ran, {
      code: 0,
      out: '"Hello, Ada!"\n',
      err: 'Compiling greet.scaicore...\nRunning Greeter:greet...\n',
    });
  });

  it('fmt --stdin: formatted on standard output; mistakes end with 1 and print no program', async () => {
    const good = await run(['fmt', '--stdin'], { input: GREET.replaceAll('    ', '\t') });
    assert.deepEqual(good, { code: 0, out: GREET, err: '' });
    const bad = await run(['fmt', '--stdin', 'greet.scaicore'], { input: '@core {' });
    assert.deepEqual([bad.code, bad.out], [1, '']);
    assert.match(bad.err, /--> greet\.scaicore:1:7/);
  });

  it('run: a signal ends a flow that computes without a pause', async () => {
    const program = `@core Loop {
    version = "1.0.0"
}

@flow f(): int {
    n = 0
    @while n >= 0 (max_iterations = 1000000000) {
        n = n + 1
    }
    return n
}
`;
    folder.write('greet.scaicore', program);
    const ran = await run(['run', '.'], {
      onErr: (text, kill) => {
        if (text.includes('Running')) kill();
      },
    });
    assert.deepEqual([ran.code, ran.signal, ran.out], [null, 'SIGINT', '']);
  });
});
