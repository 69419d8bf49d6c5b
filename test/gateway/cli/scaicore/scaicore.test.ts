// The `scaicore` command: what it prints, what it writes, how it ends.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { GREET, ScaicoreFolder } from './in-process.ts';

describe('scaicore command', () => {
  let folder: ScaicoreFolder;

  beforeEach(() => {
    folder = new ScaicoreFolder();
    folder.write('greet.scaicore', GREET);
  });
  afterEach(() => folder.remove());

  it('check: counts what is there; a folder with one source will do', async () => {
    const checked = await folder.run('check', '.');
    assert.deepEqual(checked, {
      code: 0,
      out: '✓ Greeter v1.2.0 — all checks passed (2 flows)\n',
      err: '',
    });
  });

  it('check: mistakes are shown with their place and end with 1; what is not there with 2', async () => {
    folder.write('bad.scaicore', GREET.replace('return decision', 'return decisoin'));
    const checked = await folder.run('check', 'bad.scaicore');
    assert.equal(checked.code, 1);
    assert.match(
      checked.err,
      /error\[E200\]: .*decisoin[^]*--> bad\.scaicore:18:12[^]*\^{8}[^]*did you mean 'decision'/,
    );
    assert.deepEqual(
      [(await folder.run('check', 'nothing')).code, (await folder.run('check', '.')).code],
      [2, 2],
    );
    assert.match((await folder.run('check', '.')).err, /2 \.scaicore files/);
  });

  it('check --format: JSON and SARIF on standard output', async () => {
    folder.write('bad.scaicore', GREET.replace('return decision', 'return decisoin'));
    const json = JSON.parse((await folder.run('check', 'bad.scaicore', '--format', 'json')).out) as {
      readonly diagnostics: readonly { readonly code: string }[];
    };
    assert.deepEqual(
      json.diagnostics.map(({ code }) => code),
      ['W401', 'E200'],
    );
    const sarif = JSON.parse((await folder.run('check', 'bad.scaicore', '--format', 'sarif')).out) as {
      readonly version: string;
    };
    assert.equal(sarif.version, '2.1.0');
  });

  it('compile: writes the bundle whole, prints what it was; the bundle can be run and inspected', async () => {
    const compiled = await folder.run('compile', 'greet.scaicore');
    assert.match(
      compiled.out,
      /^✓ Compiled Greeter v1\.2\.0 \(2 flows\)\n {2}build\/Greeter\.scaicore-ir \(.*\)\n$/,
    );
    const bundle = folder.file('build/Greeter.scaicore-ir');
    assert.equal(readFileSync(bundle).subarray(0, 4).toString(), 'SCIR');
    assert.deepEqual(readdirSync(folder.file('build')), ['Greeter.scaicore-ir']);
    const ran = await folder.run(
      'run',
      'build/Greeter.scaicore-ir',
      '--flow',
      'greet',
      '--input',
      '{"name":"Ada"}',
    );
    assert.equal(ran.out, '"Hello, Ada!"\n');
    assert.match((await folder.run('inspect', bundle)).out, /greet +\(name: string\): string/);
    const manifest = JSON.parse((await folder.run('compile', '.', '--emit-manifest')).out) as {
      readonly name: string;
    };
    assert.equal(manifest.name, 'Greeter');
    assert.match((await folder.run('compile', '.', '--emit-ir')).out, /flow greet\(name: string\): string/);
  });

  it('compile: a damaged bundle is refused with its code', async () => {
    await folder.run('compile', 'greet.scaicore');
    const bundle = folder.file('build/Greeter.scaicore-ir');
    writeFileSync(bundle, readFileSync(bundle).subarray(0, 100));
    const ran = await folder.run('run', bundle, '--flow', 'greet');
    assert.equal(ran.code, 2);
    assert.match(ran.err, /ERR_BUNDLE_INVALID/);
  });

  it('run: settings, wrong input, an unknown flow', async () => {
    const input = '{"name":"Ada"}';
    assert.equal(
      (await folder.run('run', '.', '--flow', 'greet', '--input', input, '--config', 'greeting=Hi')).out,
      '"Hi, Ada!"\n',
    );
    const wrong = await folder.run('run', '.', '--flow', 'greet', '--input', '{"nam":"Ada"}');
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /InvalidInputError: .*name is missing/);
    const flow = await folder.run('run', '.', '--flow', 'gret', '--input', input);
    assert.equal(flow.code, 2);
    assert.match(flow.err, /did you mean greet\?/);
    assert.match(
      (await folder.run('run', '.', '--flow', 'greet', '--input', 'x')).err,
      /--input is not JSON/,
    );
    assert.match(
      (await folder.run('run', '.', '--flow', 'greet', '--config', 'a=1')).err,
      /no @config parameter 'a'/,
    );
  });

  it('run: a flow that stops is gone on with by another process, once', async () => {
    const first = await folder.run(
      'run',
      '.',
      '--flow',
      'ask',
      '--input',
      '{"name":"Ada"}',
      '--state',
      'state',
      '--json',
    );
    const { status, checkpoint } = JSON.parse(first.out) as {
      readonly status: string;
      readonly checkpoint: { readonly checkpoint_id: string; readonly prompt: string };
    };
    assert.deepEqual([status, checkpoint.prompt], ['SUSPENDED', 'Greet Ada?']);
    const resume = ['run', '.', '--resume', checkpoint.checkpoint_id, '--state', 'state'];
    const resolution = ['--resolution', '{"decision":"yes"}'];
    assert.equal((await folder.run(...resume, ...resolution)).out, '"yes"\n');
    const again = await folder.run(...resume, ...resolution);
    assert.equal(again.code, 1);
    assert.match(again.err, /CheckpointNotFoundError/);
    assert.equal(
      (await folder.run('run', '.', '--resume', '../x', ...resolution, '--state', 'state')).code,
      1,
    );
  });

  it('test: passes, fails with what was found, and ends with 1', async () => {
    assert.deepEqual((await folder.run('test', '.')).out.split('\n').slice(-3), [
      '  ✓ greets',
      '1 passed, 0 failed',
      '',
    ]);
    folder.write('greet.scaicore', GREET.replace('out == "Hello, Ada!"', 'out == "Bye"'));
    const failed = await folder.run('test', '.');
    assert.equal(failed.code, 1);
    assert.match(failed.out, /✗ greets \(greet\.scaicore:21\)\n +out == "Bye"\n +"Hello, Ada!"/);
  });

  it('test: a property that does not hold shows its smallest case', async () => {
    const property = `${GREET}
@transformer half(n: int): int {
    return math.floor(n / 2)
}

@test "halves" {
    @property (n: int) { half(n) < 10 }
}
`;
    folder.write('greet.scaicore', property);
    const failed = await folder.run('test', '.');
    assert.equal(failed.code, 1);
    assert.match(failed.out, /half\(n\) < 10\n.*fails for \{"n":20\} \(seed 1\)/);
  });

  it('fmt: the one form, once; --check changes nothing; mistakes leave the file alone', async () => {
    const file = folder.file('greet.scaicore');
    const untidy = GREET.replaceAll('    ', '  ');
    writeFileSync(file, untidy);
    assert.equal((await folder.run('fmt', '--check', '.')).code, 1);
    assert.equal(readFileSync(file, 'utf8'), untidy);
    assert.equal((await folder.run('fmt', '.')).out, 'greet.scaicore\n');
    assert.notEqual(readFileSync(file, 'utf8'), untidy);
    assert.deepEqual(await folder.run('fmt', '--check', '.'), { code: 0, out: '', err: '' });
    writeFileSync(file, '@core {');
    assert.equal((await folder.run('fmt', '.')).code, 1);
    assert.equal(readFileSync(file, 'utf8'), '@core {');
    assert.ok(!existsSync(`${file}.tmp`));
  });

  it('a command line that makes no sense: 2, with help', async () => {
    assert.equal((await folder.run('compil', '.')).code, 2);
    assert.match((await folder.run('compil', '.')).err, /Did you mean compile\?/);
    assert.match((await folder.run('--help')).out, /compile[^]*check[^]*run[^]*inspect[^]*test[^]*fmt/);
  });
});
