// Mocha's settings, for `npm test` and for `npx mocha FILE…`.
// A script because Mocha adds the `spec` of its settings to the files on the command line: with a fixed list,
// naming one file would still run all of them.
const { existsSync } = require('node:fs');

const isNamed = process.argv.slice(2).some((arg) => /\*|\.ts$/.test(arg) || existsSync(arg));

module.exports = {
  import: 'tsx',
  spec: isNamed ? [] : ['test/**/*.test.ts'],
  extension: ['test.ts'],
  timeout: 20000,
  // In CI nothing is left out silently: `it.only` and skipped tests are failures.
  forbidOnly: Boolean(process.env.CI),
  forbidPending: Boolean(process.env.CI),
};
