// `node .ci/ensure.mjs --servers`: the servers that `npm test` tries this program against. Installed by apt-get where we
// may (as root, or by a sudo that asks for no password); elsewhere the tests that need them are reported as skipped.
// Nothing of the system is started or configured: the tests start servers of their own, in temporary folders.
//   V1. Never a failure of the set-up: in CI (`CI=true`) the tests themselves fail for what is missing.
//   V2. As ensure.mjs: plain JavaScript, Node built-ins only, speaks only when there is something to do.
import { spawnSync } from 'child_process';
import fs from 'fs';
import path from 'path';

/** The programs that tests start, and the Debian packages that bring them. */
const SERVERS = [
  { program: 'redis-server', packages: ['redis-server'] },
  { program: 'mariadbd', packages: ['mariadb-server-core', 'mariadb-client'] },
];
const INSTALL_MAX_MS = 10 * 60_000;
const APT = [
  '-qq',
  '-o',
  'DPkg::Lock::Timeout=120',
  '-o',
  'Acquire::Retries=1',
  '-o',
  'Acquire::http::Timeout=20',
];
/** RUNLEVEL=1: the package's service is not started. */
const APT_ENVIRONMENT = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };

/** Whether a program is in the PATH, or in the `sbin` beside a `bin` of it. */
function isThere(program, folders) {
  const places = folders.flatMap((folder) => [folder, folder.replace(/\/bin$/, '/sbin')]);
  return places.some((folder) => fs.existsSync(path.join(folder, program)));
}

/** The words before those of a command that only root may run; undefined when we may not. */
function asRoot(folders) {
  if (!isThere('apt-get', folders)) return undefined;
  if (process.getuid && process.getuid() === 0) return [];
  const sudo = ['sudo', '-n'];
  const { status } = spawnSync(sudo[0], [...sudo.slice(1), '/usr/bin/env', 'true'], { stdio: 'ignore' });
  const words = Object.entries(APT_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
  return status === 0 ? [...sudo, '/usr/bin/env', ...words] : undefined;
}

function aptGet(root, ...args) {
  const [command, ...rest] = [...root, 'apt-get', ...APT, ...args];
  const { status, stdout, stderr, error } = spawnSync(command, rest, {
    encoding: 'utf8',
    timeout: INSTALL_MAX_MS,
    env: { ...process.env, ...APT_ENVIRONMENT },
  });
  return { isDone: status === 0, output: `${stdout || ''}${stderr || ''}${error || ''}` };
}

function missingServers() {
  const folders = (process.env.PATH || '').split(path.delimiter).filter((folder) => folder !== '');
  const missing = SERVERS.filter(({ program }) => !isThere(program, folders));
  const packages = missing.flatMap((server) => server.packages);
  return { folders, packages, names: missing.map(({ program }) => program).join(' and ') };
}

export const areServersThere = () => missingServers().packages.length === 0;

export function installServers(say) {
  const { folders, packages, names } = missingServers();
  if (packages.length === 0) return;
  const help = `sudo apt-get install ${packages.join(' ')}`;
  const root = process.env.GRANARY_INSTALL_SERVERS === 'no' ? undefined : asRoot(folders);
  if (!root) {
    say(`setup: without ${names}, tests that need it are skipped; to run them: ${help}`);
    return;
  }
  const startedMs = Date.now();
  say(`setup: installing ${packages.join(', ')} for the tests (GRANARY_INSTALL_SERVERS=no leaves that out)`);
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  let { isDone, output } = aptGet(root, ...install);
  // The lists of packages may be old, or not be there at all.
  if (!isDone && aptGet(root, 'update').isDone) ({ isDone, output } = aptGet(root, ...install));
  if (isDone) {
    say(`setup: installed in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
    return;
  }
  const [why = 'apt-get failed'] = output.split('\n').filter((line) => /^E: |Error/.test(line));
  say(`setup: ${names} could not be installed (${why.trim()}); tests that need it are skipped. Try: ${help}`);
}
