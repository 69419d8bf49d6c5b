// The `scaicore` command: what it prints, what it writes, how it ends.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../../gateway/cli/scaicore/main.ts', import.meta.url));
const TSX = new URL('../../../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;

const GREET = `@core Greeter {
    version = "1.2.0"
    instance = :stateless
    @config {
        @param greeting: string = "Hello"
    }
}

@flow greet(name: string): string {
    return "\${config.greeting}, \${name}!"
}

@flow ask(name: string): string {
    decision = @checkpoint approval {
        present = { prompt: "Greet \${name}?" }
        options = ["yes", "no"]
    }
    return decision
}

@test "greets" {
    @when out = greet(name = "Ada")
    @then {
        out == "Hello, Ada!"
    }
}
`;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('scaicore command', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'granary-scaicore-'));
    writeFileSync(path.join(folder, 'greet.scaicore'), GREET);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function run(...args: string[]): Ran {
    try {
      const env = { ...process.env, OPENAI_API_KEY: undefined, OPENAI_BASE_URL: undefined, NO_COLOR: '1' };
      const out = execFileSync(process.execPath, ['--import', TSX, MAIN, ...args], {
        cwd: folder,
        env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      return { code: 0, out, err: '' };
    } catch (thrown) {
      const { status, stdout, stderr } = thrown as { status: number; stdout: string; stderr: string };
      return { code: status, out: stdout, err: stderr };
    }
  }

  it('check: counts what is there; a folder with one source will do', () => {
    const checked = run('check', '.');
    assert.deepEqual(checked, {
      code: 0,
      out: '✓ Greeter v1.2.0 — all checks passed (2 flows)\n',
      err: '',
    });
  });

  it('check: mistakes are shown with their place and end with 1; what is not there with 2', () => {
    writeFileSync(path.join(folder, 'bad.scaicore'), GREET.replace('return decision', 'return decisoin'));
    const checked = run('check', 'bad.scaicore');
    assert.equal(checked.code, 1);
    assert.match(
      checked.err,
      /error\[E200\]: .*decisoin[^]*--> bad\.scaicore:18:12[^]*\^{8}[^]*did you mean 'decision'/,
    );
    assert.deepEqual([run('check', 'nothing').code, run('check', '.').code], [2, 2]);
    assert.match(run('check', '.').err, /2 \.scaicore files/);
  });

  it('check --format: JSON and SARIF on standard output', () => {
    writeFileSync(path.join(folder, 'bad.scaicore'), GREET.replace('return decision', 'return decisoin'));
    const json = JSON.parse(run('check', 'bad.scaicore', '--format', 'json').out) as {
      readonly diagnostics: readonly { readonly code: string }[];
    };
    assert.deepEqual(
      json.diagnostics.map(({ code }) => code),
      ['W401', 'E200'],
    );
    const sarif = JSON.parse(run('check', 'bad.scaicore', '--format', 'sarif').out) as {
      readonly version: string;
    };
    assert.equal(sarif.version, '2.1.0');
  });

  it('compile: writes the bundle whole, prints what it was; the bundle can be run and inspected', () => {
    const compiled = run('compile', 'greet.scaicore');
    assert.match(
      compiled.out,
      /^✓ Compiled Greeter v1\.2\.0 \(2 flows\)\n {2}build\/Greeter\.scaicore-ir \(.*\)\n$/,
    );
    const bundle = path.join(folder, 'build/Greeter.scaicore-ir');
    assert.equal(readFileSync(bundle).subarray(0, 4).toString(), 'SCIR');
    assert.deepEqual(readdirSync(path.join(folder, 'build')), ['Greeter.scaicore-ir']);
    const ran = run('run', 'build/Greeter.scaicore-ir', '--flow', 'greet', '--input', '{"name":"Ada"}');
    assert.equal(ran.out, '"Hello, Ada!"\n');
    assert.match(run('inspect', bundle).out, /greet +\(name: string\): string/);
    const manifest = JSON.parse(run('compile', '.', '--emit-manifest').out) as { readonly name: string };
    assert.equal(manifest.name, 'Greeter');
    assert.match(run('compile', '.', '--emit-ir').out, /flow greet\(name: string\): string/);
  });

  it('compile: a damaged bundle is refused with its code', () => {
    run('compile', 'greet.scaicore');
    const bundle = path.join(folder, 'build/Greeter.scaicore-ir');
    writeFileSync(bundle, readFileSync(bundle).subarray(0, 100));
    const ran = run('run', bundle, '--flow', 'greet');
    assert.equal(ran.code, 2);
    assert.match(ran.err, /ERR_BUNDLE_INVALID/);
  });

  it('run: settings, wrong input, an unknown flow', () => {
    const input = '{"name":"Ada"}';
    assert.equal(
      run('run', '.', '--flow', 'greet', '--input', input, '--config', 'greeting=Hi').out,
      '"Hi, Ada!"\n',
    );
    const wrong = run('run', '.', '--flow', 'greet', '--input', '{"nam":"Ada"}');
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /InvalidInputError: .*name is missing/);
    const flow = run('run', '.', '--flow', 'gret', '--input', input);
    assert.equal(flow.code, 2);
    assert.match(flow.err, /did you mean greet\?/);
    assert.match(run('run', '.', '--flow', 'greet', '--input', 'x').err, /--input is not JSON/);
    assert.match(run('run', '.', '--flow', 'greet', '--config', 'a=1').err, /no @config parameter 'a'/);
  });

  it('run: a flow that stops is gone on with by another process, once', () => {
    const first = run('run', '.', '--flow', 'ask', '--input', '{"name":"Ada"}', '--state', 'state', '--json');
    const { status, checkpoint } = JSON.parse(first.out) as {
      readonly status: string;
      readonly checkpoint: { readonly checkpoint_id: string; readonly prompt: string };
    };
    assert.deepEqual([status, checkpoint.prompt], ['SUSPENDED', 'Greet Ada?']);
    const resume = ['run', '.', '--resume', checkpoint.checkpoint_id, '--state', 'state'];
    const resolution = ['--resolution', '{"decision":"yes"}'];
    assert.equal(run(...resume, ...resolution).out, '"yes"\n');
    const again = run(...resume, ...resolution);
    assert.equal(again.code, 1);
    assert.match(again.err, /CheckpointNotFoundError/);
    assert.equal(run('run', '.', '--resume', '../x', ...resolution, '--state', 'state').code, 1);
  });

  it('test: passes, fails with what was found, and ends with 1', () => {
    assert.deepEqual(run('test', '.').out.split('\n').slice(-3), ['  ✓ greets', '1 passed, 0 failed', '']);
    writeFileSync(path.join(folder, 'greet.scaicore'), GREET.replace('out == "Hello, Ada!"', 'out == "Bye"'));
    const failed = run('test', '.');
    assert.equal(failed.code, 1);
    assert.match(failed.out, /✗ greets \(greet\.scaicore:21\)\n +out == "Bye"\n +"Hello, Ada!"/);
  });

  it('test: a property that does not hold shows its smallest case', () => {
    const property = `${GREET}
@transformer half(n: int): int {
    return math.floor(n / 2)
}

@test "halves" {
    @property (n: int) { half(n) < 10 }
}
`;
    writeFileSync(path.join(folder, 'greet.scaicore'), property);
    const failed = run('test', '.');
    assert.equal(failed.code, 1);
    assert.match(failed.out, /half\(n\) < 10\n.*fails for \{"n":20\} \(seed 1\)/);
  });

  it('fmt: the one form, once; --check changes nothing; mistakes leave the file alone', () => {
    const file = path.join(folder, 'greet.scaicore');
    const untidy = GREET.replaceAll('    ', '  ');
    writeFileSync(file, untidy);
    assert.equal(run('fmt', '--check', '.').code, 1);
    assert.equal(readFileSync(file, 'utf8'), untidy);
    assert.equal(run('fmt', '.').out, 'greet.scaicore\n');
    assert.notEqual(readFileSync(file, 'utf8'), untidy);
    assert.deepEqual(run('fmt', '--check', '.'), { code: 0, out: '', err: '' });
    writeFileSync(file, '@core {');
    assert.equal(run('fmt', '.').code, 1);
    assert.equal(readFileSync(file, 'utf8'), '@core {');
    assert.ok(!existsSync(`${file}.tmp`));
  });

  it('a command line that makes no sense: 2, with help', () => {
    assert.equal(run('compil', '.').code, 2);
    assert.match(run('compil', '.').err, /Did you mean compile\?/);
    assert.match(run('--help').out, /compile[^]*check[^]*run[^]*inspect[^]*test[^]*fmt/);
  });
});
