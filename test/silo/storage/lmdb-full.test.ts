// Disks that are really full; the contract has the same with a flush that is made to fail, which runs everywhere.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { claimer, GRAIN } from '../../contract/storage-harness.ts';
import { Folders } from './lmdb-harness.ts';

/** Fills the disk, makes room, goes on; then everything that was acknowledged must be there. */
async function fillAndCheck(
  folders: Folders,
  folder: string,
  code: RegExp,
  { before, makeRoom }: { readonly before?: string; readonly makeRoom?: () => Promise<void> },
): Promise<void> {
  const lines = await folders.spawn('fill', folder, before).ended();
  assert.equal(lines[0], 'open');
  const [, count = '', outcome = ''] = /^full (\d+) failed (.+)$/.exec(lines[1] ?? '') ?? [];
  const stored = Number(count);
  assert(stored > 10, lines.join('\n'));
  assert.match(outcome, code);
  assert.equal(lines[2], `again failed ${outcome}`, 'the process lives, and the next commit fails as well');
  assert.equal(lines[3], `kept ${stored}`);
  const erased = lines.filter((line) => line === 'erase done').length;
  assert(erased > stored / 4, 'making room works on a full disk');
  assert.deepEqual(lines.slice(-3), ['after done', `kept ${stored - erased + 1}`, 'closed']);
  await makeRoom?.();
  const storage = await folders.open(folder);
  const outcomes = [];
  for (let at = 1; at < stored; at += 2) {
    const claim = await storage.claim({ ...GRAIN, key: `g${at}` }, claimer());
    outcomes.push(claim.kind === 'claimed' && claim.memory.values['note'] === 'x'.repeat(100_000));
  }
  assert.deepEqual(new Set(outcomes), new Set([true]));
  await storage.close();
}

function mountSmallDisk(folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  return (
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'ignore' }).status === 0
  );
}

/** Without the trap the first write beyond the limit, in blocks of 512 bytes, would end the process. */
const FILE_LIMIT = { before: 'trap "" XFSZ; ulimit -f 8192' };
const ANY_CODE = /^ERR_STORE_(FULL none|FAILED unknown)$/;

describe('LmdbStorage: full disk', () => {
  it('File that may not grow: commits fail, memory is read on, and after room was made commits go on', async () => {
    const folders = new Folders();
    try {
      await fillAndCheck(folders, folders.next(), ANY_CODE, FILE_LIMIT);
    } finally {
      await folders.dispose();
    }
  }).timeout(60_000);

  it('Disk without room: commits fail as full; where no disk may be mounted, as with a file that may not grow', async () => {
    const folders = new Folders();
    const disk = folders.next();
    const folder = path.join(disk, 'store');
    const isMounted = mountSmallDisk(disk);
    const makeRoom = async (): Promise<void> => {
      // A few blocks may be left, so opening may work; if not, it must say why.
      const opened = folders.open(folder).then((storage) => storage.close());
      await opened.catch((thrown: unknown) =>
        assert.equal((thrown as { code?: unknown }).code, 'ERR_STORE_FULL'),
      );
      spawnSync('mount', ['-o', 'remount,size=16m', disk]);
    };
    try {
      if (isMounted) await fillAndCheck(folders, folder, /^ERR_STORE_FULL none$/, { makeRoom });
      else await fillAndCheck(folders, folder, ANY_CODE, FILE_LIMIT);
    } finally {
      if (isMounted) spawnSync('umount', ['--lazy', disk], { stdio: 'ignore' });
      await folders.dispose();
    }
  }).timeout(60_000);
});
