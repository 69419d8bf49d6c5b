// .ci/ensure.mjs in small checkouts of its own, with an npm that only notes that it was called.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../', import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly said: string;
}

const FAKE_NPM = `
import fs from 'node:fs';
fs.appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
if (fs.existsSync('npm-fails')) {
  console.error(fs.readFileSync('npm-fails', 'utf8'));
  process.exit(1);
}
fs.mkdirSync('node_modules', { recursive: true });
const { packages } = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
const here = Object.entries(packages).filter(([place, entry]) => place !== '' && !entry.optional);
for (const [place] of here) fs.mkdirSync(place, { recursive: true });
fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages: Object.fromEntries(here) }));
`;

class Checkout {
  readonly root = mkdtempSync(path.join(tmpdir(), 'granary-ensure-'));

  constructor() {
    this.write('package.json', JSON.stringify({ type: 'module', engines: { node: '>=20' } }));
    this.lock({ 'node_modules/a': { version: '1.0.0' } });
    this.write('fake/npm-cli.js', FAKE_NPM);
    mkdirSync(path.join(this.root, '.ci'));
    for (const file of ['.ci/ensure.mjs', '.ci/servers.mjs']) {
      cpSync(path.join(repository, file), path.join(this.root, file));
    }
  }

  lock(packages: Record<string, object>): void {
    this.write('package-lock.json', JSON.stringify({ packages: { '': {}, ...packages } }));
  }

  write(file: string, text: string): void {
    mkdirSync(path.dirname(path.join(this.root, file)), { recursive: true });
    writeFileSync(path.join(this.root, file), text);
  }

  read(file: string): string {
    return readFileSync(path.join(this.root, file), 'utf8');
  }

  has(file: string): boolean {
    return existsSync(path.join(this.root, file));
  }

  installs(): number {
    return this.has('npm.log') ? this.read('npm.log').trimEnd().split('\n').length : 0;
  }

  /** Replaces the PATH by a folder with these shell scripts in it. */
  programs(scripts: Record<string, string>): void {
    for (const [name, script] of Object.entries(scripts)) {
      this.write(`usr/bin/${name}`, `#!/bin/sh\ncd '${this.root}' || exit 1\n${script}\n`);
      chmodSync(path.join(this.root, 'usr/bin', name), 0o755);
    }
    this.env['PATH'] = path.join(this.root, 'usr/bin');
  }

  readonly env: Record<string, string> = {};

  ensure(...args: string[]): Promise<Outcome> {
    const env = { ...process.env, npm_execpath: path.join(this.root, 'fake/npm-cli.js'), ...this.env };
    const child = spawn(process.execPath, [path.join(this.root, '.ci/ensure.mjs'), ...args], {
      env,
      cwd: tmpdir(),
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += `OUT ${text}`));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, said })));
  }

  /** Gives it the real compiler and one source, as installed. */
  prepareBuild(): void {
    mkdirSync(path.join(this.root, 'node_modules'));
    symlinkSync(
      path.join(repository, 'node_modules/@typescript'),
      path.join(this.root, 'node_modules/@typescript'),
    );
    this.lock({});
    this.write('node_modules/.package-lock.json', JSON.stringify({ packages: {} }));
    for (const file of ['tsconfig.json', '.config/tsconfig.build.json']) {
      const text = readFileSync(path.join(repository, file), 'utf8');
      this.write(file, text.replace(/"types": \[[^\]]*\]/, '"types": []'));
    }
    this.write('lib/a.ts', `import { b } from './b.ts';\nexport const a: number = b;\n`);
    this.write('lib/b.ts', `export const b = 1;\n`);
    this.write('lib/page.html', '<p>1</p>');
    this.write('lib/README.md', '# lib');
  }
}

describe('set-up (.ci/ensure.mjs)', () => {
  let checkout: Checkout;
  beforeEach(() => {
    checkout = new Checkout();
  });
  afterEach(() => rmSync(checkout.root, { recursive: true, force: true }));

  it('nothing installed, runs npm ci once, and says nothing when run again', async () => {
    const first = await checkout.ensure();
    assert.equal(first.code, 0, first.said);
    assert.match(first.said, /^setup: nothing is installed yet, .*\nsetup: installed in .* s\n$/);
    assert.match(checkout.read('npm.log'), /^ci .*--include=dev/);
    assert.deepEqual(await checkout.ensure(), { code: 0, said: '' });
    assert.equal(checkout.installs(), 1);
  });

  it('a lockfile with a newer version, installs again and names the package', async () => {
    await checkout.ensure();
    checkout.lock({ 'node_modules/a': { version: '1.0.1' } });
    const { said } = await checkout.ensure();
    assert.match(said, /node_modules\/a is missing or old/);
    assert.equal(checkout.installs(), 2);
  });

  it('a package folder that was removed, installs again', async () => {
    await checkout.ensure();
    rmSync(path.join(checkout.root, 'node_modules/a'), { recursive: true });
    await checkout.ensure();
    assert.equal(checkout.installs(), 2);
  });

  it('optional packages that npm left out, are accepted for this lockfile', async () => {
    checkout.lock({
      'node_modules/other-system': { version: '1.0.0', optional: true, os: ['none'] },
      'node_modules/does-not-compile': { version: '1.0.0', optional: true },
    });
    await checkout.ensure();
    assert.deepEqual(await checkout.ensure(), { code: 0, said: '' });
    assert.equal(checkout.installs(), 1);
  });

  it('packages installed by hand, are accepted without npm', async () => {
    mkdirSync(path.join(checkout.root, 'node_modules/a'), { recursive: true });
    const packages = { 'node_modules/a': { version: '1.0.0' } };
    checkout.write('node_modules/.package-lock.json', JSON.stringify({ packages }));
    assert.deepEqual(await checkout.ensure(), { code: 0, said: '' });
    assert.equal(checkout.installs(), 0);
  });

  it('three at once, one installs and all go on', async () => {
    const outcomes = await Promise.all([checkout.ensure(), checkout.ensure(), checkout.ensure()]);
    assert.deepEqual(
      outcomes.map(({ code }) => code),
      [0, 0, 0],
      outcomes.map(({ said }) => said).join(''),
    );
    assert.equal(checkout.installs(), 1);
  });

  it('a lock whose holder died, is taken over', async () => {
    const pid = await deadPid();
    checkout.write('.ci/.state/lock', JSON.stringify({ pid, hostname: hostname(), nonce: '' }));
    assert.equal((await checkout.ensure()).code, 0);
    assert.equal(checkout.installs(), 1);
    assert.ok(!checkout.has('.ci/.state/lock'));
  });

  it('npm fails, ends with its output, a code and what to do next; the next run tries again', async () => {
    checkout.write('npm-fails', 'npm error code EAI_AGAIN');
    const { code, said } = await checkout.ensure();
    assert.equal(code, 2);
    assert.match(said, /npm error code EAI_AGAIN/);
    assert.match(
      said,
      /^ERR_SETUP_INSTALL_FAILED: npm ci failed \(exit code 1\)\n {2}next: check the network/m,
    );
    rmSync(path.join(checkout.root, 'npm-fails'));
    assert.equal((await checkout.ensure()).code, 0);
  });

  it('a Node.js that is too old, ends with a code before anything is installed', async () => {
    checkout.write('package.json', JSON.stringify({ engines: { node: '>=99.1' } }));
    const { code, said } = await checkout.ensure();
    assert.equal(code, 2);
    assert.match(
      said,
      /^ERR_SETUP_NODE_TOO_OLD: this is Node.js [\d.]+, Granary needs >=99\.1\n {2}next: install/,
    );
    assert.equal(checkout.installs(), 0);
  });

  it('--build, emits code, types and assets, and does nothing while the sources stay the same', async () => {
    checkout.prepareBuild();
    const { code, said } = await checkout.ensure('--build');
    assert.equal(code, 0, said);
    assert.match(checkout.read('dist/lib/a.js'), /from '\.\/b\.js'/);
    assert.match(checkout.read('dist/lib/a.d.ts'), /a: number/);
    assert.equal(checkout.read('dist/lib/page.html'), '<p>1</p>');
    assert.ok(!checkout.has('dist/lib/README.md'));
    assert.deepEqual(await checkout.ensure('--build'), { code: 0, said: '' });
  });

  it('--build, a source changed, another deleted, dist follows', async () => {
    checkout.prepareBuild();
    await checkout.ensure('--build');
    checkout.write('lib/a.ts', `export const a = 2;\n`);
    rmSync(path.join(checkout.root, 'lib/b.ts'));
    assert.equal((await checkout.ensure('--build')).code, 0);
    assert.match(checkout.read('dist/lib/a.js'), /a = 2/);
    assert.ok(!checkout.has('dist/lib/b.js') && !checkout.has('dist/lib/b.d.ts'));
  });

  it('--build, a type error, ends with its place and a code and leaves the last build alone', async () => {
    checkout.prepareBuild();
    await checkout.ensure('--build');
    checkout.write('lib/b.ts', `export const b = 'one';\n`);
    const { code, said } = await checkout.ensure('--build');
    assert.equal(code, 2);
    assert.match(said, /lib\/a\.ts\(2,14\): error TS2322/);
    assert.match(said, /^ERR_SETUP_BUILD_FAILED: /m);
    assert.match(checkout.read('dist/lib/b.js'), /b = 1/);
  });

  /** An apt-get that notes its arguments, and brings the programs of the packages it knows. */
  const APT_GET = `
echo "$DEBIAN_FRONTEND $RUNLEVEL $*" >> apt.log
case "$*" in *update*) echo > lists; exit 0;; esac
if [ -f needs-lists ] && [ ! -f lists ]; then echo 'E: Unable to locate package' >&2; exit 100; fi
if [ -f apt-fails ]; then echo 'E: no space' >&2; exit 100; fi
/bin/mkdir -p usr/sbin
for word in "$@"; do
  case "$word" in redis-server) echo > usr/bin/redis-server;; mariadb-server-core) echo > usr/sbin/mariadbd;; esac
done`;
  const SUDO = 'shift; exec "$@"';

  it('--servers, none is there, installs them once without starting a service', async () => {
    checkout.programs({ 'apt-get': APT_GET, sudo: SUDO });
    const { code, said } = await checkout.ensure('--servers');
    assert.equal(code, 0, said);
    assert.match(
      said,
      /setup: installing redis-server, mariadb-server-core, .*\nsetup: installed in .* s\n$/,
    );
    assert.match(
      checkout.read('apt.log'),
      /^noninteractive 1 .*install -y .* redis-server mariadb-server-core/,
    );
    assert.deepEqual(await checkout.ensure('--servers'), { code: 0, said: '' });
    assert.equal(checkout.read('apt.log').trimEnd().split('\n').length, 1);
  });

  it('--servers, one is there and the lists of packages are not, fetches them and installs the other', async () => {
    checkout.programs({ 'apt-get': APT_GET, sudo: SUDO, 'redis-server': '' });
    checkout.write('needs-lists', '');
    const { code, said } = await checkout.ensure('--servers');
    assert.equal(code, 0, said);
    assert.doesNotMatch(said, /redis/);
    const calls = checkout.read('apt.log').trimEnd().split('\n');
    assert.deepEqual(
      calls.map((call) => /install|update/.exec(call)?.[0]),
      ['install', 'update', 'install'],
    );
  });

  it('--servers, they cannot be installed, says so with the command and goes on', async () => {
    checkout.programs({ 'apt-get': APT_GET, sudo: SUDO });
    checkout.write('apt-fails', '');
    const failed = await checkout.ensure('--servers');
    assert.equal(failed.code, 0);
    assert.match(failed.said, /could not be installed \(E: no space\).* sudo apt-get install redis-server/);
    checkout.env['GRANARY_INSTALL_SERVERS'] = 'no';
    const refused = await checkout.ensure('--servers');
    assert.match(refused.said, /^setup: without redis-server and mariadbd, .* are skipped; .*: sudo apt-get/);
    checkout.programs({ sudo: 'exit 1' });
    rmSync(path.join(checkout.root, 'usr/bin/apt-get'));
    delete checkout.env['GRANARY_INSTALL_SERVERS'];
    assert.match((await checkout.ensure('--servers')).said, /^setup: without redis-server and mariadbd/);
    assert.deepEqual(await checkout.ensure(), { code: 0, said: '' });
  });
});

/** The id of a process that has ended. */
function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  return new Promise((resolve) => child.on('close', () => resolve(child.pid ?? 0)));
}
