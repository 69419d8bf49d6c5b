// Lint: only rules that find bugs, or that keep a decision of the design (where time comes from, who may end the
// process). Layout is Prettier's, unused and missing types are the compiler's.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

// The only places that may ask the system for time, randomness and timers. Everything else takes a Clock or an Rng
// (lib/base), so that the simulator can run a whole cluster under one seed.
const SYSTEM = ['**/system-*.ts', '**/main.ts', 'bench/**', '.ci/**', '.config/**', 'gateway/**/ui/**'];
// The only places that talk to the person at the terminal, and that may look at the process around them.
const TERMINAL = ['**/main.ts', 'gateway/cli/**', 'bench/**', '.ci/**', '.config/**'];
const SOURCES = ['lib/**', 'directory/**', 'silo/**', 'gateway/**'];

const useClock = 'Take a Clock (lib/base): only system-*.ts and main.ts touch the system.';
const useRng = 'Take an Rng (lib/base): only system-*.ts and main.ts touch the system.';
const useMain = 'Only main.ts and gateway/cli look at the process; pass the value down as an option.';

const TIMERS = ['setTimeout', 'setInterval', 'setImmediate'];
const CLOCK_MODULES = ['timers', 'timers/promises', 'node:timers', 'node:timers/promises'];

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: one name everywhere.',
};
const noWallClock = [
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: useClock },
  { selector: "CallExpression[callee.name='Date']", message: useClock },
];
const noSystem = [
  { object: 'Date', property: 'now', message: useClock },
  { object: 'performance', property: 'now', message: useClock },
  { object: 'process', property: 'hrtime', message: useClock },
  { object: 'Math', property: 'random', message: useRng },
];
const noProcess = ['exit', 'exitCode', 'abort', 'env', 'argv', 'on', 'once', 'kill'].map((property) => ({
  object: 'process',
  property,
  message: useMain,
}));

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.ci/.state/', '.granary/', '**/ui/**/*.js', '**/*.cjs'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.mjs', '.config/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
      },
    },
  },
  {
    files: ['**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname + '/..' },
    },
    plugins: { '@typescript-eslint': tseslint.plugin },
    rules: {
      'no-undef': 'off', // the compiler's
      'no-redeclare': 'off', // a type and a value may share a name
      'no-unused-vars': 'off',
      'no-dupe-class-members': 'off', // overloads
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-console': 'error',
      'no-restricted-syntax': ['error', noDefaultExport, ...noWallClock],
      'no-restricted-globals': [
        'error',
        { globals: TIMERS.map((name) => ({ name, message: useClock })), checkGlobalObject: true },
      ],
      'no-restricted-properties': ['error', ...noSystem],
      'no-restricted-imports': [
        'error',
        { paths: CLOCK_MODULES.map((name) => ({ name, message: useClock })) },
      ],
    },
  },
  {
    files: SYSTEM,
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-imports': 'off',
      'no-restricted-syntax': ['error', noDefaultExport],
    },
  },
  { files: TERMINAL, rules: { 'no-console': 'off' } },
  {
    files: SOURCES,
    ignores: [...SYSTEM, ...TERMINAL],
    rules: { 'no-restricted-properties': ['error', ...noSystem, ...noProcess] },
  },
  {
    // Pure: what it needs of the process is handed to it.
    files: ['lib/**'],
    ignores: SYSTEM,
    rules: {
      'no-restricted-globals': [
        'error',
        {
          globals: [
            ...TIMERS.map((name) => ({ name, message: useClock })),
            { name: 'process', message: useMain },
          ],
          checkGlobalObject: true,
        },
      ],
    },
  },
  {
    // Written for the compiler: values whose type is looked at, assignments that it must refuse.
    files: ['test/**/typing*.test.ts'],
    rules: { '@typescript-eslint/no-unused-vars': 'off', 'no-self-assign': 'off' },
  },
  { files: ['.config/**', '**/*.mjs'], rules: { 'no-restricted-syntax': 'off' } },
);
