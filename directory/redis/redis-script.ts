// The scripts of this process: each is read once, from beside the code, and every connection loads all of them.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RedisScript } from './redis-client.ts';

const loaded = new Map<string, RedisScript>();

/**
 * The script in a file. For constants of modules: `loadScript(new URL('./scripts/claim.lua', import.meta.url))`.
 * @throws what reading the file throws
 */
export function loadScript(url: URL): RedisScript {
  const file = fileURLToPath(url);
  const known = loaded.get(file);
  if (known) return known;
  const script = scriptOf(path.basename(file, '.lua'), readFileSync(file, 'utf8'));
  loaded.set(file, script);
  return script;
}

export function scriptOf(name: string, lua: string): RedisScript {
  return Object.freeze({ name, lua, sha: createHash('sha1').update(lua).digest('hex') });
}

/** Every script that was loaded so far. */
export function loadedScripts(): readonly RedisScript[] {
  return [...loaded.values()];
}
