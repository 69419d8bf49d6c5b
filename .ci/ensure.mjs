// Makes a checkout ready to run: `node_modules` as package-lock.json says and, with `--build`, `dist/` as the
// sources say; with `--servers` the servers that tests need. Every npm script runs it first, so `npm start` and
// `npm test` work in a fresh clone.
// Owns: node_modules, dist, .ci/.state. Speaks on standard error only, and only when there is something to do.
//   E1. Plain JavaScript and Node built-ins only, without the `node:` prefix: it runs before anything is installed,
//       and on the old Node versions that it has to turn away.
//   E2. Work is done under a lock, and looked at again once the lock is held: two starts at once install once.
//   E3. `installed` and `built` compare what is there with what should be there. A stamp only vouches for what can't
//       be seen from outside: that npm left out an optional package on purpose, that a build ran to its end.
//   E4. Stamps are written last, and whole (by rename), so that an interrupted run is repeated.
import { spawn } from 'child_process';
import { createHash } from 'crypto';
import fs from 'fs';
import os from 'os';
import path from 'path';
import { fileURLToPath } from 'url';
import { areServersThere, installServers } from './servers.mjs';

const SOURCE_FOLDERS = ['lib', 'directory', 'silo', 'gateway'];
const BUILD_SETTINGS = ['package-lock.json', 'tsconfig.json', '.config/tsconfig.build.json'];
const COMPILER = 'node_modules/@typescript/native/bin/tsc';
const LOCK_BEAT_MS = 2_000;
const LOCK_STALE_MS = 20_000;
const LOCK_WAIT_MAX_MS = 15 * 60_000;
const LOCK_POLL_MS = 200;

/** A failure that is told in one line, with what to do next. */
class SetupError extends Error {
  constructor(code, message, next, output = '') {
    super(message);
    this.code = code;
    this.next = next;
    this.output = output;
  }
}

const say = (line) => process.stderr.write(`${line}\n`);
const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function writeWhole(file, text) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  fs.writeFileSync(draft, text);
  fs.renameSync(draft, file);
}

// ---- Node ----

/** Whether `version` is below the least version in an `engines` range of the form `>=20.19`. */
export function isTooOld(version, range) {
  const numbers = (text) => (text.match(/\d+/g) || []).slice(0, 3).map(Number);
  const least = numbers(range || '');
  const have = numbers(version);
  for (let i = 0; i < least.length; i++) {
    if ((have[i] || 0) !== least[i]) return (have[i] || 0) < least[i];
  }
  return false;
}

function checkNode(root) {
  const { engines = {} } = readJson(path.join(root, 'package.json')) || {};
  if (!isTooOld(process.versions.node, engines.node)) return;
  throw new SetupError(
    'ERR_SETUP_NODE_TOO_OLD',
    `this is Node.js ${process.versions.node}, Granary needs ${engines.node}`,
    'install a current Node.js from https://nodejs.org (or with your version manager), then run the command again',
  );
}

// ---- node_modules ----

/** npm's `os` and `cpu` fields: a list of names, or of names with `!` that are excluded. */
const allows = (list, value) =>
  !list || (!list.includes(`!${value}`) && (list.includes(value) || list.every((item) => item[0] === '!')));

/**
 * The first package that the lockfile asks for and `node_modules` lacks or has otherwise; undefined when it is complete.
 * `hidden` is npm's own record of what it installed (node_modules/.package-lock.json).
 */
export function missingPackage({ lock, hidden, exists, platform, arch, isOptionalTrusted }) {
  if (!lock || !lock.packages) return 'package-lock.json';
  if (!hidden || !hidden.packages) return 'node_modules';
  for (const [place, want] of Object.entries(lock.packages)) {
    if (place === '') continue;
    const have = hidden.packages[place];
    const isSame = have && have.version === want.version && have.integrity === want.integrity;
    if (isSame && exists(place)) continue;
    const isForHere = allows(want.os, platform) && allows(want.cpu, arch);
    if (want.optional && (!isForHere || isOptionalTrusted)) continue;
    return place;
  }
  return undefined;
}

function installState(root) {
  const lockText = fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8');
  const stamp = sha256(`${process.platform} ${process.arch} ${lockText}`);
  const stampFile = path.join(root, 'node_modules/.granary-installed');
  const isStamped = fs.existsSync(stampFile) && fs.readFileSync(stampFile, 'utf8') === stamp;
  const missing = missingPackage({
    lock: JSON.parse(lockText),
    hidden: readJson(path.join(root, 'node_modules/.package-lock.json')),
    exists: (place) => fs.existsSync(path.join(root, place)),
    platform: process.platform,
    arch: process.arch,
    isOptionalTrusted: isStamped,
  });
  return { missing, markDone: () => writeWhole(stampFile, stamp) };
}

/** What to do about the usual ways in which npm fails. */
function installAdvice(output) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network/.test(output)) {
    return 'check the network and the registry with `npm ping`, then run the command again';
  }
  if (/EUSAGE/.test(output))
    return 'package.json and package-lock.json disagree: run `npm install`, commit the lockfile';
  if (/ENOSPC/.test(output)) return 'the disk is full: free some space, then run the command again';
  if (/EACCES|EPERM/.test(output))
    return 'this user may not write here: check who owns the folder and ~/.npm';
  return 'run `npm ci` to see all of its output';
}

async function install(root, reason) {
  const startedMs = Date.now();
  const what = reason === 'node_modules' ? 'nothing is installed yet' : `${reason} is missing or old`;
  say(`setup: ${what}, installing the packages of package-lock.json (half a minute, or so)`);
  // The npm that runs this script, when there is one: its version and its settings are what the user chose.
  const own = process.env.npm_execpath || '';
  const isNpm = /[\\/]npm[^\\/]*\.c?js$/.test(own);
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error'];
  const { code, output } = isNpm
    ? await run(process.execPath, [own, ...args], { cwd: root })
    : await run('npm', args, { cwd: root, shell: process.platform === 'win32' });
  if (code === 'ENOENT') {
    throw new SetupError('ERR_SETUP_NPM_MISSING', 'npm was not found', 'install npm, it comes with Node.js');
  }
  if (code !== 0) {
    const message = `npm ci failed (exit code ${code})`;
    throw new SetupError('ERR_SETUP_INSTALL_FAILED', message, installAdvice(output), output);
  }
  say(`setup: installed in ${seconds(startedMs)}`);
}

function run(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => (output += text));
    }
    child.on('error', (error) => resolve({ code: error.code || 1, output: String(error) }));
    child.on('close', (code, signal) => resolve({ code: signal || code, output }));
  });
}

// ---- dist ----

function filesBelow(root, folder) {
  const found = [];
  for (const entry of fs.readdirSync(path.join(root, folder), { withFileTypes: true })) {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...filesBelow(root, file));
    else if (entry.isFile()) found.push(file);
  }
  return found;
}

/** What a source file becomes in dist; nothing for what stays at home. */
export function outputsOf(source) {
  if (source.endsWith('.d.ts')) return [source];
  if (source.endsWith('.ts')) {
    const stem = source.slice(0, -'.ts'.length);
    return [`${stem}.js`, `${stem}.js.map`, `${stem}.d.ts`];
  }
  return /(\.md|\/tsconfig[^/]*\.json|~|\.swp)$/.test(source) ? [] : [source];
}

function buildState(root) {
  const sources = SOURCE_FOLDERS.filter((folder) => fs.existsSync(path.join(root, folder)))
    .flatMap((folder) => filesBelow(root, folder))
    .filter((file) => outputsOf(file).length > 0)
    .sort();
  const hash = createHash('sha256');
  for (const file of [...BUILD_SETTINGS, ...sources]) {
    const text = fs.readFileSync(path.join(root, file));
    hash.update(`${file} ${text.length}\n`).update(text);
  }
  const stamp = hash.digest('hex');
  const stampFile = path.join(root, '.ci/.state/built');
  const isStamped = fs.existsSync(stampFile) && fs.readFileSync(stampFile, 'utf8') === stamp;
  const outputs = sources.flatMap(outputsOf);
  const isBuilt = isStamped && outputs.every((file) => fs.existsSync(path.join(root, 'dist', file)));
  return { sources, outputs, isBuilt, markDone: () => writeWhole(stampFile, stamp) };
}

async function build(root, { sources, outputs }) {
  const startedMs = Date.now();
  say('setup: building dist from the sources');
  const args = [path.join(root, COMPILER), '-p', '.config/tsconfig.build.json', '--pretty', 'false'];
  const { code, output } = await run(process.execPath, args, { cwd: root });
  if (code !== 0) {
    const next = 'correct the errors above (`npm run types` shows all of them), then run the command again';
    throw new SetupError(
      'ERR_SETUP_BUILD_FAILED',
      `the compiler found errors (exit code ${code})`,
      next,
      output,
    );
  }
  const dist = path.join(root, 'dist');
  for (const file of sources.filter((source) => outputsOf(source)[0] === source)) {
    fs.mkdirSync(path.dirname(path.join(dist, file)), { recursive: true });
    fs.copyFileSync(path.join(root, file), path.join(dist, file));
  }
  // What a deleted source left behind must not be packed, nor found by an import.
  const wanted = new Set(outputs.map((file) => `dist/${file}`));
  for (const file of filesBelow(root, 'dist')) {
    if (!wanted.has(file)) fs.rmSync(path.join(root, file), { force: true });
  }
  say(`setup: built in ${seconds(startedMs)}`);
}

// ---- One at a time ----

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** Whether the holder is gone. Age decides for holders on another machine or in another container. */
function isAbandoned(file, hostname) {
  try {
    const holder = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (Date.now() - fs.statSync(file).mtimeMs > LOCK_STALE_MS) return true;
    return holder.hostname === hostname && !isAlive(holder.pid);
  } catch (error) {
    // Gone meanwhile, or just being written: ask again. A file that stays unreadable is given up by its age.
    if (error.code === 'ENOENT') return false;
    return Date.now() - fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs > LOCK_STALE_MS;
  }
}

async function takeLock(file) {
  const hostname = os.hostname();
  const token = JSON.stringify({ pid: process.pid, hostname, nonce: sha256(`${process.hrtime()}`) });
  const startedMs = Date.now();
  let isTold = false;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  for (;;) {
    let isTakenOver = false;
    if (fs.existsSync(file) && isAbandoned(file, hostname)) {
      fs.rmSync(file, { force: true });
      isTakenOver = true;
    }
    try {
      fs.writeFileSync(file, token, { flag: 'wx' });
      // Two may have found the same dead holder, and the slower one removed the file of the faster one: look again.
      if (isTakenOver) await sleep(LOCK_POLL_MS);
      if (!isTakenOver || fs.readFileSync(file, 'utf8') === token) return token;
    } catch (error) {
      if (error.code !== 'EEXIST' && error.code !== 'ENOENT') throw error;
    }
    if (Date.now() - startedMs > LOCK_WAIT_MAX_MS) {
      throw new SetupError(
        'ERR_SETUP_LOCK_TIMEOUT',
        'another setup of this folder does not end',
        `remove ${file}`,
      );
    }
    if (!isTold) say('setup: another command is setting up this folder, waiting for it');
    isTold = true;
    await sleep(LOCK_POLL_MS);
  }
}

async function withLock(root, work) {
  const file = path.join(root, '.ci/.state/lock');
  const token = await takeLock(file);
  const beat = setInterval(() => fs.utimes(file, new Date(), new Date(), () => undefined), LOCK_BEAT_MS);
  try {
    await work();
  } finally {
    clearInterval(beat);
    if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === token) fs.rmSync(file, { force: true });
  }
}

// ---- The command ----

async function ensure(root, { isBuildWanted, areServersWanted }) {
  checkNode(root);
  const isReady = () => !installState(root).missing && (!isBuildWanted || buildState(root).isBuilt);
  if (isReady() && (!areServersWanted || areServersThere())) return;
  await withLock(root, async () => {
    const installation = installState(root);
    if (installation.missing) {
      await install(root, installation.missing);
      installState(root).markDone();
    }
    if (areServersWanted) installServers(say);
    if (!isBuildWanted) return;
    const state = buildState(root);
    if (state.isBuilt) return;
    await build(root, state);
    state.markDone();
  });
}

function report(error) {
  if (error.output) say(error.output.trimEnd().split('\n').slice(-40).join('\n'));
  if (!(error instanceof SetupError)) {
    say(`ERR_SETUP_FAILED: ${error.stack}`);
    return;
  }
  say(`${error.code}: ${error.message}`);
  say(`  next: ${error.next}`);
}

const isCommand = process.argv[1] && fs.realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isCommand) {
  const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
  const wants = (flag) => process.argv.includes(flag);
  ensure(root, { isBuildWanted: wants('--build'), areServersWanted: wants('--servers') }).catch((error) => {
    report(error);
    process.exitCode = 2;
  });
}
