// `npm run verify`: every check that CI makes, in order, up to the first failure. `npm run verify -- lint types` runs
// only those. One line per step; the output of a step is shown when it fails.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
// A check that hangs is a failure, too; the slowest one (the tests) takes a few minutes.
const STEP_MAX_MS = 20 * 60_000;

const BUILD = ['.ci/ensure.mjs', '--build'];
const TSC = 'node_modules/@typescript/native/bin/tsc';
const MOCHA = 'node_modules/mocha/bin/mocha.js';

/** Step name → commands for Node, run one after the other. */
const STEPS = {
  format: [['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.']],
  lint: [['node_modules/eslint/bin/eslint.js', '-c', '.config/eslint.config.js', '--max-warnings', '0', '.']],
  // The second one proves that the browser client gets by without the types of Node.
  types: [[TSC, '-p', 'tsconfig.json'], [TSC, '-p', '.config/tsconfig.browser.json'], BUILD],
  imports: [[MOCHA, 'test/lib/import-direction.test.ts']],
  tests: [[MOCHA]],
  bench: [BUILD, ['--import', 'tsx', 'bench/main.ts', '--smoke']],
  docs: [BUILD, ['--import', 'tsx', '.ci/docs.ts']],
};

/** Why a step has nothing to do; undefined when it has. */
function whySkipped(name, isNamed) {
  if (name === 'tests' && !isNamed && process.env.GRANARY_TESTS_RAN) return 'they ran just before';
  return undefined;
}

function runNode(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const add = (text) => (output += text);
    child.stdout.setEncoding('utf8').on('data', add);
    child.stderr.setEncoding('utf8').on('data', add);
    const limit = setTimeout(() => {
      output += `\nstopped: it ran for more than ${STEP_MAX_MS / 60_000} minutes\n`;
      child.kill('SIGKILL');
    }, STEP_MAX_MS);
    child.on('close', (code) => {
      clearTimeout(limit);
      resolve({ isGood: code === 0, output });
    });
  });
}

async function runStep(name) {
  const startedMs = Date.now();
  process.stdout.write(`verify ${name.padEnd(8)}`);
  for (const command of STEPS[name]) {
    const { isGood, output } = await runNode(command);
    const time = `${((Date.now() - startedMs) / 1000).toFixed(1)} s`;
    if (!isGood) {
      process.stdout.write(` FAILED ${time}\n\n$ node ${command.join(' ')}\n${output}\n`);
      process.stdout.write(
        `verify: ${name} failed; once it is corrected, \`npm run verify -- ${name}\` repeats it alone\n`,
      );
      return false;
    }
    if (command !== STEPS[name].at(-1)) continue;
    const passing = / (\d+ passing)/.exec(output);
    process.stdout.write(` ok ${time}${passing ? `, ${passing[1]}` : ''}\n`);
  }
  return true;
}

async function main(wanted) {
  const unknown = wanted.filter((name) => !Object.hasOwn(STEPS, name));
  if (unknown.length > 0) {
    process.stdout.write(
      `verify: no step '${unknown.join(`', '`)}'; there are: ${Object.keys(STEPS).join(', ')}\n`,
    );
    return 2;
  }
  for (const name of Object.keys(STEPS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    const why = whySkipped(name, wanted.includes(name));
    if (why) process.stdout.write(`verify ${name.padEnd(8)} skipped: ${why}\n`);
    else if (!(await runStep(name))) return 1;
  }
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
