import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

/** Reads every row of every table; LMDB ends the process when a page lies beyond the end of the file. */
const PROBE = `
const { open } = require(process.argv[1]);
const root = open({ path: process.argv[2], readOnly: true, noSubdir: false, encoding: 'binary', keyEncoding: 'binary', maxDbs: 16 });
for (const name of JSON.parse(process.argv[3])) {
  const table = root.openDB(name, { encoding: 'binary', keyEncoding: 'binary' });
  if (table) for (const { value } of table.getRange({ start: Buffer.from([0]) })) value.length;
}
`;

/**
 * How a process fares that reads the whole store: all is `readable`, something is `damaged`, or it was `killed` by what
 * it read. Takes as long as reading takes, and a tenth of a second.
 */
export async function probeStore(
  folder: string,
  tables: readonly string[],
): Promise<'readable' | 'damaged' | 'killed'> {
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  const child = spawn(process.execPath, ['-e', PROBE, '--', lmdb, folder, JSON.stringify(tables)], {
    stdio: 'ignore',
    env: {},
  });
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === 0 ? 'readable' : code === null ? 'killed' : 'damaged'));
  });
}
