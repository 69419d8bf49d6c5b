// package.json against the tree: what it promises to users is there, what the code needs is listed.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { importsOf, isBuiltin, readSources } from '../lib/import-rules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const json = (file: string): unknown => JSON.parse(readFileSync(path.join(root, file), 'utf8'));

interface Manifest {
  readonly name: string;
  readonly bin: Record<string, string>;
  readonly exports: Record<string, unknown>;
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
}
interface Lockfile {
  readonly packages: Record<string, Partial<Manifest> & { readonly resolved?: string }>;
}
const manifest = json('package.json') as Manifest;
const lockfile = json('package-lock.json') as Lockfile;

/** All paths of an `exports` value, whatever its conditions. */
const targets = (value: unknown): string[] =>
  typeof value === 'string' ? [value] : Object.values(value as Record<string, unknown>).flatMap(targets);

/** The source that a file of dist is built from. */
const sourceOf = (target: string): string =>
  target.replace(/^(\.\/)?dist\//, '').replace(/(\.d\.ts|\.js)$/, '.ts');

/** Package name → a file that imports it, for the files of some folders. */
function packagesUsedBy(folders: readonly string[]): Map<string, string> {
  const used = new Map<string, string>();
  for (const [file, text] of readSources()) {
    if (!folders.some((folder) => file.startsWith(`${folder}/`))) continue;
    for (const { to, kind } of importsOf(file, text)) {
      if (to.endsWith('.ts') || isBuiltin(to) || kind === 'type') continue;
      used.set(to.startsWith('@') ? to.split('/').slice(0, 2).join('/') : (to.split('/')[0] ?? to), file);
    }
  }
  return used;
}

const SHIPPED = ['lib', 'directory', 'silo', 'gateway'];

describe('package.json', () => {
  it('exports and bin, all targets, are built from a source of the tree', () => {
    const promised = [...targets(manifest.exports), ...Object.values(manifest.bin)];
    const missing = promised.filter(
      (target) => target.includes('dist/') && !existsSync(path.join(root, sourceOf(target))),
    );
    assert.deepEqual(missing, []);
  });

  it('bin, the command line, starts with the line that names its interpreter', () => {
    for (const target of Object.values(manifest.bin)) {
      const source = readFileSync(path.join(root, sourceOf(target)), 'utf8');
      assert.ok(source.startsWith('#!/usr/bin/env node\n'), `${sourceOf(target)} has no #! line`);
    }
  });

  it('dependencies, the shipped folders, are exactly the packages that they import', () => {
    const used = packagesUsedBy(SHIPPED);
    const unlisted = [...used].filter(([name]) => !Object.hasOwn(manifest.dependencies, name));
    assert.deepEqual(unlisted, [], 'imported but not in dependencies');
    // Named is enough here: esbuild is resolved by its name. Types come along for users who see them in ours.
    const texts = [...readSources()].filter(([file]) =>
      SHIPPED.some((folder) => file.startsWith(`${folder}/`)),
    );
    const isNamed = (name: string): boolean =>
      texts.some(([, text]) => text.includes(`'${name}'`) || text.includes(`'${name}/`));
    const unused = Object.keys(manifest.dependencies).filter((name) => !isNamed(name.replace('@types/', '')));
    assert.deepEqual(unused, [], 'in dependencies but not named by any shipped file');
  });

  it('tests and benches, their packages, are listed', () => {
    const listed = { ...manifest.dependencies, ...manifest.devDependencies, [manifest.name]: '' };
    const unlisted = [...packagesUsedBy(['test', 'bench'])].filter(([name]) => !Object.hasOwn(listed, name));
    assert.deepEqual(unlisted, []);
  });

  it('the lockfile, agrees with package.json and names no registry', () => {
    const { dependencies, devDependencies } = lockfile.packages[''] ?? {};
    assert.deepEqual(
      { dependencies, devDependencies },
      {
        dependencies: manifest.dependencies,
        devDependencies: manifest.devDependencies,
      },
    );
    const resolved = Object.entries(lockfile.packages).filter(([, entry]) => entry.resolved !== undefined);
    assert.deepEqual(resolved, [], 'npm install --omit-lockfile-registry-resolved keeps them out');
  });

  it('scripts, arguments after --, reach the command that means them', () => {
    const last = (script: string): string => manifest.scripts[script]?.split('&&').at(-1)?.trim() ?? '';
    assert.equal(last('start'), 'node dist/gateway/cli/main.js sample');
    assert.equal(last('test'), 'node node_modules/mocha/bin/mocha.js');
    assert.equal(last('verify'), 'node .ci/verify.mjs');
    assert.equal(last('bench'), 'node --import tsx bench/main.ts');
  });
});
