// Import direction: the repository keeps the rules of import-rules.ts, and the rules find what they should.
import assert from 'node:assert/strict';
import { readSources, violationsOf } from './import-rules.ts';

/** Asserts that a planted tree has exactly these breaches; each is given by the start of its line. */
function assertFound(planted: Record<string, string>, starts: readonly string[]): void {
  const found = violationsOf(new Map(Object.entries(planted)));
  assert.equal(found.length, starts.length, `found: ${found.join('\n')}`);
  starts.forEach((start, i) =>
    assert.ok(found[i]?.startsWith(start), `expected '${start}', found '${found[i]}'`),
  );
}

describe('import direction', () => {
  it('the repository, all imports, keep the rules', () => {
    const sources = readSources();
    assert.ok(
      sources.has('lib/index.ts') && sources.has('test/lib/import-rules.ts'),
      'the sources are found',
    );
    assert.deepEqual(violationsOf(sources), []);
  });

  it('the checker, imports of higher folders, finds value, type, re-export and lazy ones', () => {
    assertFound(
      {
        'lib/a.ts': `import { b } from '../silo/index.ts';`,
        'directory/a.ts': `import type {\n  B,\n  C,\n} from '../gateway/index.ts';`,
        'silo/a.ts': `export * from '../gateway/index.ts';`,
        'silo/b.ts': `  const m = await import('../gateway/index.ts');`,
        'gateway/a.ts': `import '../test/index.ts';`,
        'gateway/b.ts': `import { a } from '../silo/index.ts';`,
      },
      [
        'lib/a.ts -> silo/index.ts: points upward',
        'directory/a.ts -> gateway/index.ts: points upward',
        'silo/a.ts -> gateway/index.ts: points upward',
        'silo/b.ts -> gateway/index.ts: points upward',
        'gateway/a.ts -> test/index.ts: points upward',
      ],
    );
  });

  it('the checker, imports beside the index of a folder, finds them and lets tests and main files use internal.ts', () => {
    assertFound(
      {
        'silo/a.ts': `import { b } from '../lib/base/clock.ts';`,
        'silo/b.ts': `import { b } from '../lib/internal.ts';`,
        'silo/main.ts': `import { b } from '../lib/internal.ts';`,
        'gateway/main.ts': `import { b } from '../silo/internal.ts';`,
        'silo/c/d.ts': `import { b } from '../../lib/index.ts';\nimport { e } from '../b.ts';`,
        'test/a.ts': `import { b } from '../lib/internal.ts';\nimport { c } from '../gateway/client/index.ts';`,
        'test/b.ts': `import { b } from '../silo/turn/turn.ts';`,
        'bench/a.ts': `import { b } from '../test/support.ts';`,
      },
      [
        'silo/a.ts -> lib/base/clock.ts: passes by the door of lib',
        'silo/b.ts -> lib/internal.ts: passes by the door of lib',
        'gateway/main.ts -> silo/internal.ts: passes by the door of silo',
        'test/b.ts -> silo/turn/turn.ts: passes by the door of silo',
        'bench/a.ts -> test/support.ts: points upward',
      ],
    );
  });

  it('the checker, imports against the order inside lib, finds them', () => {
    assertFound(
      {
        'lib/base/a.ts': `import { b } from '../errors/b.ts';`,
        'lib/errors/a.ts': `import type { b } from '../ids/b.ts';`,
        'lib/ids/a.ts': `import { b } from '../errors/b.ts';\nimport { c } from './c.ts';`,
        'lib/grain/a.ts': `import { b } from '../index.ts';`,
        'lib/lang/a.ts': `import { b } from '../ids/b.ts';`,
        'lib/misc/a.ts': `import { b } from '../base/b.ts';`,
        'lib/index.ts': `export { b } from './grain/b.ts';`,
      },
      [
        'lib/base/a.ts -> lib/errors/b.ts: points upward inside lib',
        'lib/errors/a.ts -> lib/ids/b.ts: points upward inside lib',
        'lib/grain/a.ts -> lib/index.ts: imports a file of lib itself',
        'lib/lang/a.ts -> lib/ids/b.ts: points upward inside lib',
        'lib/misc/a.ts -> lib/base/b.ts: is in lib/misc',
      ],
    );
  });

  it('the checker, built-in modules and server packages in lib, finds them outside of system files', () => {
    assertFound(
      {
        'lib/base/system-clock.ts': `import { performance } from 'node:perf_hooks';`,
        'lib/base/bytes.ts': `import { Buffer } from 'node:buffer';`,
        'lib/ids/a.ts': `import { createHash } from 'node:crypto';\nimport fs from 'fs';`,
        'lib/protocol/a.ts': `import { pack } from 'msgpackr';\nimport Koa from 'koa';`,
      },
      [
        'lib/ids/a.ts -> node:crypto: lib is pure',
        'lib/ids/a.ts -> fs: lib is pure',
        'lib/protocol/a.ts -> koa: lib is pure',
      ],
    );
  });

  it('the checker, a client that needs Node, finds direct and inherited needs', () => {
    assertFound(
      {
        'gateway/client/index.ts': `import { a } from './a.ts';\nimport { pack } from 'msgpackr';`,
        'gateway/client/a.ts': `import { b } from '../../lib/index.ts';\nimport type { X } from 'zod';`,
        'gateway/client/b.ts': `import { n } from './node.ts';`,
        'gateway/client/node.ts': `import { WebSocket } from 'ws';\nimport fs from 'node:fs';`,
        'lib/index.ts': `export { c } from './base/bytes.ts';`,
        'lib/base/bytes.ts': `import { Buffer } from 'node:buffer';`,
      },
      [
        'gateway/client/index.ts -> msgpackr: the client runs in browsers',
        'gateway/client/b.ts -> gateway/client/node.ts: the browser client must not reach',
        'lib/base/bytes.ts -> node:buffer: reached by the browser client: gateway/client/index.ts -> gateway/client/a.ts',
      ],
    );
  });

  it('the checker, import cycles, finds those of values and not those of types', () => {
    assertFound(
      {
        'silo/a.ts': `import { b } from './b.ts';`,
        'silo/b.ts': `import { type c } from './c.ts';`,
        'silo/c.ts': `export { a } from './a.ts';`,
        'silo/d.ts': `import { e } from './e.ts';`,
        'silo/e.ts': `import type { D } from './d.ts';\nconst d = import('./d.ts');`,
        'silo/f.ts': `import { f } from './f.ts';`,
      },
      [
        'silo/a.ts: import cycle: silo/a.ts -> silo/b.ts -> silo/c.ts -> silo/a.ts',
        'silo/f.ts: import cycle: silo/f.ts -> silo/f.ts',
      ],
    );
  });
});
