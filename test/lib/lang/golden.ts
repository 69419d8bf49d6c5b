// Golden files: what a pass said when somebody last looked. `GRANARY_GOLDEN=write npx mocha FILE` writes them anew; read
// the difference before it is committed.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function checkGolden(name: string, found: string): void {
  const folder = fileURLToPath(new URL('./golden/', import.meta.url));
  const file = `${folder}${name}.golden.txt`;
  const text = found.endsWith('\n') ? found : `${found}\n`;
  if (process.env['GRANARY_GOLDEN'] === 'write') {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, text);
  }
  assert.ok(existsSync(file), `there is no ${name}.golden.txt: GRANARY_GOLDEN=write makes it`);
  assert.equal(text, readFileSync(file, 'utf8'));
}
