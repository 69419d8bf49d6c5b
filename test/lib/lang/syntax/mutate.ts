// Sources that somebody has damaged: for tests of what the compiler does with them.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SAMPLES = fileURLToPath(new URL('../samples/', import.meta.url));

/** Name → text of the samples, with slashes in names. */
export function sampleTexts(): ReadonlyMap<string, string> {
  const names = readdirSync(SAMPLES, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.scaicore'),
  );
  const texts = new Map<string, string>();
  for (const name of names.sort()) {
    texts.set(name.replaceAll(path.sep, '/'), readFileSync(path.join(SAMPLES, name), 'utf8'));
  }
  return texts;
}

/** Numbers of a seed (mulberry32). */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const INSERTED = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '"',
  '"""',
  '${',
  '@',
  '@flow ',
  '=>',
  '=',
  ':',
  ',',
  '|',
  '|>',
  '/*',
  '*/',
  '//',
  '\\',
  '\n',
  '“',
  '\u0000',
  '\ud800',
  'é',
  '1.',
  '1_',
  '2026-13-01',
  '- ',
  '-> x',
  'match ',
  'else ',
  'if ',
  '??',
  '.',
  '#',
];

/** One to six pieces deleted, doubled, inserted, or swapped. */
export function mutated(text: string, random: (below: number) => number): string {
  let result = text;
  for (let count = 1 + random(6); count > 0; count -= 1) {
    const at = random(result.length + 1);
    const length = 1 + random(random(4) === 0 ? 200 : 4);
    const piece = result.slice(at, at + length);
    const other = random(result.length + 1);
    switch (random(5)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + length);
        break;
      case 1:
        result = result.slice(0, at) + piece + result.slice(at);
        break;
      case 2:
        result = result.slice(0, at) + (INSERTED[random(INSERTED.length)] ?? '') + result.slice(at);
        break;
      case 3:
        result = result.slice(0, other) + piece + result.slice(other);
        break;
      default:
        result = result.slice(0, at) + String.fromCharCode(random(128)) + result.slice(at + 1);
    }
  }
  return result;
}
