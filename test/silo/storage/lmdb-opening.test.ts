import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { SeededRng } from '../../../lib/index.ts';
import type { LmdbStorage } from '../../../silo/internal.ts';
import { claimer, commitOf, GRAIN, hand, set } from '../../contract/storage-harness.ts';
import { Folders } from './lmdb-harness.ts';

const data = (folder: string): string => path.join(folder, 'data.mdb');
const marker = (folder: string): string => path.join(folder, 'granary.json');

/** A closed store with a few hundred grains in it. */
async function filled(folders: Folders): Promise<string> {
  const folder = folders.next();
  const storage = await folders.open(folder);
  await fill(storage, 200);
  await storage.close();
  return folder;
}

async function fill(storage: LmdbStorage, count: number): Promise<void> {
  const outcomes = Array.from({ length: count }, async (_, at) => {
    const outcome = await storage.claim({ ...GRAIN, key: `g${at}` }, claimer());
    assert(outcome.kind === 'claimed');
    const commit = commitOf(1, { values: [at, 'x'.repeat(at)], collections: [set('by', 'k', at)] });
    return (await hand(storage, outcome.claim, commit)).kind;
  });
  assert.deepEqual(new Set(await Promise.all(outcomes)), new Set(['done']));
}

function overwrite(file: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file);
  change(bytes);
  writeFileSync(file, bytes);
}

describe('LmdbStorage: opening', () => {
  let folders: Folders;
  beforeEach(() => {
    folders = new Folders();
  });
  afterEach(async () => await folders.dispose());

  it('New folder: is made for its owner only, with parents, generation and cluster key', async () => {
    const folder = path.join(folders.next(), 'a', 'b');
    const storage = await folders.open(folder);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.match(storage.generation, /^[0-9a-f]{32}$/);
    assert.match(storage.clusterKey, /^[0-9a-f]{64}$/);
    const { generation, clusterKey } = storage;
    await storage.close();
    const again = await folders.open(folder);
    assert.deepEqual([again.generation, again.clusterKey], [generation, clusterKey]);
    const other = await folders.open(folders.next());
    assert.notEqual(other.generation, generation);
    assert.notEqual(other.clusterKey, clusterKey);
  });

  it('Path that is a file: is refused with its name', async () => {
    const folder = folders.next();
    writeFileSync(folder, 'not a folder');
    await assert.rejects(folders.open(folder), { code: 'ERR_STORE_FAILED', message: new RegExp(folder) });
  });

  const damages: Readonly<Record<string, (folder: string) => void>> = {
    'emptied file': (folder) => truncateSync(data(folder), 0),
    'file of one byte': (folder) => truncateSync(data(folder), 1),
    'file of one page': (folder) => truncateSync(data(folder), 4_096),
    'file of two pages': (folder) => truncateSync(data(folder), 8_192),
    'file cut in half': (folder) => truncateSync(data(folder), statSync(data(folder)).size >> 1),
    'file of text': (folder) => writeFileSync(data(folder), 'this is no store\n'.repeat(2_000)),
    'first page of zeros': (folder) => overwrite(data(folder), (bytes) => bytes.fill(0, 0, 4_096)),
    'second page of zeros': (folder) => overwrite(data(folder), (bytes) => bytes.fill(0, 4_096, 8_192)),
    'first pages of noise': (folder) =>
      overwrite(data(folder), (bytes) => bytes.write(new SeededRng(1).hex(4_096), 0, 'hex')),
    'other version of LMDB': (folder) => overwrite(data(folder), (bytes) => bytes.writeUInt32LE(3, 28)),
    'page size of zero': (folder) => overwrite(data(folder), (bytes) => bytes.writeUInt32LE(0, 48)),
    'all pages after the first two of noise': (folder) =>
      overwrite(data(folder), (bytes) =>
        bytes.write(new SeededRng(2).hex(bytes.length - 8_192), 8_192, 'hex'),
      ),
  };
  for (const [damage, apply] of Object.entries(damages)) {
    it(`Damaged store, ${damage}: is refused with the file's name, and opens when it is restored`, async () => {
      const folder = await filled(folders);
      copyFileSync(data(folder), `${folder}.copy`);
      apply(folder);
      await assert.rejects(folders.open(folder), {
        code: 'ERR_STORE_CORRUPT',
        message: new RegExp(data(folder)),
      });
      copyFileSync(`${folder}.copy`, data(folder));
      const storage = await folders.open(folder);
      assert.equal(storage.listGrains('default', 'airport', '', 999).length, 200);
    });
  }

  it('Damaged store, bytes of some rows: their grains answer an error, the others their memory', async () => {
    const folder = await filled(folders);
    overwrite(data(folder), (bytes) => {
      // Inside of values of grains 150 and up: the damage that LMDB itself cannot see.
      const text = 'x'.repeat(150);
      for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 200)) bytes[at + 9] = 0x79;
    });
    const storage = await folders.open(folder);
    const answers = new Set<string>();
    for (let at = 0; at < 200; at += 1) {
      try {
        const outcome = await storage.claim({ ...GRAIN, key: `g${at}` }, claimer());
        assert(outcome.kind === 'claimed');
        assert.deepEqual(outcome.memory.values, { count: at, note: 'x'.repeat(at) });
        answers.add('right');
      } catch (thrown) {
        const { code, message } = thrown as { readonly code?: unknown; readonly message: string };
        if (code !== 'ERR_STORE_CORRUPT') throw thrown;
        assert(message.includes(data(folder)), message);
        answers.add('refused');
      }
    }
    assert.deepEqual(answers, new Set(['right', 'refused']));
  });

  it('Store that is gone: is a reported loss, or a new store when the operator says so', async () => {
    const folder = await filled(folders);
    rmSync(data(folder));
    await assert.rejects(folders.open(folder), { code: 'ERR_STORE_LOST', message: new RegExp(folder) });
    await assert.rejects(folders.open(folder), { code: 'ERR_STORE_LOST' }, 'looking must not make it anew');
    const storage = await folders.open(folder, { onDataLoss: 'start_empty' });
    const { generation } = storage;
    assert.deepEqual(storage.listGrains('default', 'airport', '', 9), []);
    await storage.close();
    assert.equal((await folders.open(folder)).generation, generation);
  });

  it('Store of another generation in its place: is a reported loss', async () => {
    const [folder, other] = [await filled(folders), await filled(folders)];
    copyFileSync(data(other), data(folder));
    await assert.rejects(folders.open(folder), { code: 'ERR_STORE_LOST' });
  });

  it('Description of the folder damaged: is refused with its name', async () => {
    const folder = await filled(folders);
    writeFileSync(marker(folder), '{"format":');
    await assert.rejects(folders.open(folder), {
      code: 'ERR_STORE_CORRUPT',
      message: new RegExp(marker(folder)),
    });
  });

  it('Description of the folder missing: the store itself says who it is', async () => {
    const folder = await filled(folders);
    const before = readFileSync(marker(folder), 'utf8');
    rmSync(marker(folder));
    await (await folders.open(folder)).close();
    assert.equal(readFileSync(marker(folder), 'utf8'), before);
  });

  it('Newer format: is refused by name and number', async () => {
    const folder = await filled(folders);
    const description = JSON.parse(readFileSync(marker(folder), 'utf8')) as object;
    writeFileSync(marker(folder), JSON.stringify({ ...description, format: 2 }));
    await assert.rejects(folders.open(folder), { code: 'ERR_STORE_NEWER', message: /format 2/ });
  });
});

describe('LmdbStorage: one process per folder', () => {
  let folders: Folders;
  beforeEach(() => {
    folders = new Folders();
  });
  afterEach(async () => await folders.dispose());

  it('Folder that is open in this process: is refused; open when that one closed', async () => {
    const folder = folders.next();
    const first = await folders.open(folder);
    await assert.rejects(folders.open(folder), {
      code: 'ERR_STORE_LOCKED',
      message: new RegExp(`process ${process.pid} .*${folder}`),
    });
    await first.close();
    await (await folders.open(folder)).close();
  });

  it('Twenty openings at once, also over a lock left behind: one gets it', async () => {
    const folder = folders.next();
    mkdirSync(folder);
    const gone = {
      pid: 4_194_304,
      boot: '',
      started: '',
      space: '',
      nonce: 'gone',
      hasSocket: false,
      isReleased: false,
    };
    writeFileSync(path.join(folder, 'owner.7.lock'), JSON.stringify(gone));
    for (let round = 0; round < 5; round += 1) {
      const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => folders.open(folder)));
      const open = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      const codes = attempts.flatMap((attempt) => {
        return attempt.status === 'rejected' ? [(attempt.reason as { readonly code?: unknown }).code] : [];
      });
      assert.equal(open.length, 1);
      assert.deepEqual(codes, new Array(19).fill('ERR_STORE_LOCKED'));
      await open[0]?.close();
      const files = readdirSync(folder).filter((name) => name.startsWith('owner'));
      assert.equal(files.length, 1, `left behind: ${files.join(', ')}`);
    }
  });

  it('Lock file that is empty or no lock: does not keep anybody out', async () => {
    const folder = folders.next();
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'owner.3.lock'), '');
    await (await folders.open(folder)).close();
  });

  it('Other process: refused while it lives, also stopped; taken over after kill -9, by one of many', async () => {
    const folder = folders.next();
    const holder = folders.spawn('hold', folder);
    assert.deepEqual(await holder.said(1), ['open']);
    const refused = { code: 'ERR_STORE_LOCKED', message: new RegExp(`process ${holder.pid} .*${folder}`) };
    await assert.rejects(folders.open(folder), refused);
    await holder.kill('SIGSTOP');
    await assert.rejects(folders.open(folder), refused);
    await holder.kill('SIGKILL');
    const heirs = Array.from({ length: 4 }, () => folders.spawn('hold', folder));
    const said = (await Promise.all(heirs.map((heir) => heir.said(1)))).map(
      ([line = '']) => line.split(' ')[0],
    );
    assert.deepEqual(said.sort(), ['ERR_STORE_LOCKED', 'ERR_STORE_LOCKED', 'ERR_STORE_LOCKED', 'open']);
    await Promise.all(heirs.map((heir) => heir.end()));
    await (await folders.open(folder)).close();
  }).timeout(60_000);
});
