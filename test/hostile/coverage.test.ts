// The tables of ../README.md say which test is about what. This looks whether those tests are there.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const README = new URL('../README.md', import.meta.url);
const ROW = /^\|(?<item>[^|]*)\|\s*\[[^\]]+\]\((?<file>[^)]+)\)\s*\|(?<title>[^|]+)\|$/;

interface Row {
  readonly item: string;
  readonly file: string;
  readonly title: string;
}

function rows(): readonly Row[] {
  let item = '';
  return readFileSync(README, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const groups = ROW.exec(line)?.groups;
      if (!groups) return [];
      item = groups['item']?.trim() || item;
      return [{ item, file: groups['file'] ?? '', title: groups['title']?.trim() ?? '' }];
    });
}

describe('Coverage of what it has to withstand', () => {
  it('every row of the tables, names a title that is there', () => {
    const wrong = rows().filter(({ file, title }) => {
      const where = fileURLToPath(new URL(file, README));
      return !existsSync(where) || !readFileSync(where, 'utf8').includes(title);
    });
    assert.deepEqual(wrong, []);
    assert.ok(rows().length > 80);
  });

  it('every hazard of this part of the project, has a row', () => {
    const numbers = new Set(rows().map(({ item }) => Number(/^\d+/.exec(item)?.[0])));
    for (const hazard of [
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    ]) {
      assert.ok(numbers.has(hazard), `hazard ${hazard}`);
    }
  });
});
