// Makes the bench's imports of sources mean the compiled files in dist: what is measured is what users get. Types still
// come from the sources. (tsx would do the sources with `keepNames`, which makes every closure a slow one.)
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const FOLDERS = new Set(['lib', 'directory', 'silo', 'gateway']);

export async function resolve(specifier, context, next) {
  const resolved = await next(specifier, context);
  if (!resolved.url.startsWith('file:')) return resolved;
  const file = path.relative(ROOT, fileURLToPath(resolved.url));
  if (!FOLDERS.has(file.split(path.sep)[0]) || !file.endsWith('.ts')) return resolved;
  const compiled = path.join(ROOT, 'dist', file.replace(/\.ts$/, '.js'));
  if (!existsSync(compiled)) throw new Error(`${file} is not compiled: \`npm run build\` does it`);
  return { url: pathToFileURL(compiled).href, format: 'module', shortCircuit: true };
}
