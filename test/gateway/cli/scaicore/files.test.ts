// What `scaicore` reads and writes: sources, folders, bundles, and files in their one form.
import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { GREET, ScaicoreFolder } from './in-process.ts';

const UNTIDY = GREET.replaceAll('    ', '  ');
const WITH_WARNING = GREET.replace('return decision', 'unused = 1\n    return decision');

describe('scaicore and files', () => {
  let folder: ScaicoreFolder;

  beforeEach(() => {
    folder = new ScaicoreFolder();
    folder.write('greet.scaicore', GREET);
  });
  afterEach(() => folder.remove());

  it('check --strict: warnings are errors', async () => {
    folder.write('greet.scaicore', WITH_WARNING);
    const lenient = await folder.run('check', '.');
    assert.equal(lenient.code, 0);
    assert.match(lenient.err, /^warning\[W401\]: 'unused' is never read\n {2}--> greet\.scaicore:18:5$/m);
    assert.match(lenient.out, /all checks passed/);
    const strict = await folder.run('check', '.', '--strict');
    assert.deepEqual([strict.code, strict.out], [1, '']);
  });

  it('check: in colour at a terminal, plain elsewhere', async () => {
    folder.write('greet.scaicore', WITH_WARNING);
    const coloured = await folder.runWith({ isTty: true }, 'check', '.');
    assert.ok(coloured.err.startsWith('\u001b[1;33mwarning[W401]'));
    assert.ok(!(await folder.run('check', '.')).err.includes('\u001b'));
  });

  it('check: imports are read beside the file, a bundle is no source', async () => {
    folder.write(
      'app/main.scaicore',
      `import { loud } from "../lib/words"\n${GREET}`.replace('${name}!', '${loud(name)}'),
    );
    folder.write(
      'lib/words.scaicore',
      'pub @transformer loud(text: string): string {\n    return text.upper()\n}\n',
    );
    assert.equal((await folder.run('check', 'app')).code, 0);
    folder.write('lib/words.scaicore', 'pub @transformer loud(text: string): string {\n    return txt\n}\n');
    const wrong = await folder.run('check', 'app');
    assert.match(wrong.err, /--> lib\/words\.scaicore:2:12/);
    await folder.run('compile', 'greet.scaicore');
    const bundle = await folder.run('check', 'build/Greeter.scaicore-ir');
    assert.equal(bundle.code, 2);
    assert.match(bundle.err, /ERR_FILE_UNREADABLE: .* is a bundle, and no source/);
  });

  it('compile: -o names the bundle; --debug keeps @debug; what is printed is not written', async () => {
    assert.match(
      (await folder.run('compile', '.', '-o', 'out/x.scaicore-ir')).out,
      /^ {2}out\/x\.scaicore-ir \(/m,
    );
    assert.deepEqual(readdirSync(folder.file('out')), ['x.scaicore-ir']);
    folder.write(
      'greet.scaicore',
      GREET.replace('return decision', '@debug { log("here") }\n    return decision'),
    );
    const ir = async (...flags: string[]): Promise<string> =>
      (await folder.run('compile', '.', '--emit-ir', ...flags)).out;
    assert.ok(!(await ir()).includes('here'));
    assert.ok((await ir('--debug')).includes('here'));
    assert.deepEqual(readdirSync(folder.path).sort(), ['greet.scaicore', 'out']);
  });

  it('compile: a place that cannot be written ends with 2 and leaves nothing', async () => {
    mkdirSync(folder.file('out'));
    const ran = await folder.run('compile', '.', '-o', 'out');
    assert.equal(ran.code, 2);
    assert.match(ran.err, /^ERR_FILE_UNWRITABLE: .*out cannot be written/);
    assert.deepEqual(readdirSync(folder.path).sort(), ['greet.scaicore', 'out']);
  });

  it('compile --format json: diagnostics on standard output and nothing else', async () => {
    folder.write('greet.scaicore', WITH_WARNING);
    const { out, err, code } = await folder.run('compile', '.', '--format', 'json');
    assert.deepEqual([code, err], [0, '']);
    assert.equal((JSON.parse(out) as { diagnostics: unknown[] }).diagnostics.length, 1);
  });

  it('fmt: folders with all below them; what stays as it is, is not told', async () => {
    folder.write('a/one.scaicore', UNTIDY);
    folder.write('a/b/two.scaicore', UNTIDY);
    folder.write('node_modules/x/three.scaicore', UNTIDY);
    const ran = await folder.run('fmt', '.');
    assert.deepEqual(ran, { code: 0, out: 'a/b/two.scaicore\na/one.scaicore\n', err: '' });
    assert.equal(folder.read('node_modules/x/three.scaicore'), UNTIDY);
    assert.equal(folder.read('a/one.scaicore'), folder.read('greet.scaicore'));
    assert.equal((await folder.run('fmt', 'node_modules')).code, 0);
  });

  it('fmt: links and permissions stay, comments too; what is no UTF-8 is not touched', async () => {
    folder.write('real.scaicore', `// first\n${UNTIDY}// last\n`);
    chmodSync(folder.file('real.scaicore'), 0o640);
    symlinkSync('real.scaicore', folder.file('link.scaicore'));
    assert.equal((await folder.run('fmt', 'link.scaicore')).out, 'link.scaicore\n');
    assert.ok(lstatSync(folder.file('link.scaicore')).isSymbolicLink());
    assert.equal(statSync(folder.file('real.scaicore')).mode & 0o777, 0o640);
    assert.match(folder.read('real.scaicore'), /^\/\/ first\n@core[^]*\/\/ last\n$/);
    const bytes = Buffer.from(`${UNTIDY}// \u00e9`, 'latin1');
    folder.write('old.scaicore', bytes);
    const old = await folder.run('fmt', 'old.scaicore');
    assert.equal(old.code, 2);
    assert.match(old.err, /old\.scaicore is not UTF-8/);
  });

  it('fmt: lines end with a line feed, also in texts; a byte order mark goes', async () => {
    const text = '\ufeff@core A {\r\n    version = "1.0.0"\r\n    description = """a\r\n    b"""\r\n}\r\n';
    folder.write('windows.scaicore', text);
    assert.equal((await folder.run('fmt', 'windows.scaicore')).code, 0);
    assert.ok(!/[\r\ufeff]/.test(folder.read('windows.scaicore')));
    assert.equal((await folder.run('fmt', '--check', 'windows.scaicore')).code, 0);
  });

  it('fmt: the others are formatted where one has mistakes; without names it says what it needs', async () => {
    folder.write('bad.scaicore', '@core {');
    folder.write('untidy.scaicore', UNTIDY);
    const ran = await folder.run('fmt', '.');
    assert.equal(ran.code, 1);
    assert.match(ran.err, /bad\.scaicore:1:7/);
    assert.equal(ran.out, 'untidy.scaicore\n');
    assert.match((await folder.run('fmt')).err, /ERR_OPTION_INVALID: name files or folders, or pass --stdin/);
  });

  it('test: folders with all below them; files that are only imported are left out', async () => {
    folder.write(
      'words.scaicore',
      'pub @transformer loud(text: string): string {\n    return text.upper()\n}\n',
    );
    folder.write('more/other.scaicore', GREET.replace('"greets"', '"greets again"'));
    const ran = await folder.run('test', '.');
    assert.deepEqual(ran, {
      code: 0,
      out: 'greet.scaicore\n  ✓ greets\nmore/other.scaicore\n  ✓ greets again\n2 passed, 0 failed\n',
      err: '',
    });
    const named = await folder.run('test', 'words.scaicore');
    assert.deepEqual([named.code, named.out], [1, '0 passed, 1 failed\n']);
    assert.match(named.err, /error\[E107\]/);
  });

  it('test --json: a line for each test, with what failed', async () => {
    folder.write('greet.scaicore', GREET.replace('out == "Hello, Ada!"', 'out == "Bye"'));
    const ran = await folder.run('test', '.', '--json');
    assert.equal(ran.code, 1);
    assert.deepEqual(JSON.parse(ran.out), {
      file: 'greet.scaicore',
      title: 'greets',
      line: 21,
      passed: false,
      failures: [{ check: 'out == "Bye"', detail: '"Hello, Ada!", and on the other side "Bye"' }],
      seed: 1,
    });
  });

  it('test: at a terminal the running test is on a line that goes away', async () => {
    const { err, out } = await folder.runWith({ isTty: true }, 'test', '.');
    assert.match(err, /… greets/);
    assert.ok(err.endsWith('\r\u001b[2K'));
    assert.match(out, /1 passed, 0 failed\n$/);
  });

  it('help: every command shows an example', async () => {
    for (const command of ['compile', 'check', 'run', 'inspect', 'test', 'fmt']) {
      const { out, code } = await folder.run(command, '--help');
      assert.equal(code, 0);
      assert.match(out, new RegExp(`Examples?:\n {2}\\$ scaicore ${command} `));
    }
  });
});
