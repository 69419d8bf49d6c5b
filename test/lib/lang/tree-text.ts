// Trees as text: a compact form for golden files, and one to compare trees by that leaves out where things stood.
import type { FileNode } from '../../../lib/lang/index.ts';

const LEFT_OUT = new Set(['span', 'id', 'source', 'comments']);

/** Without spans, ids and comments. A duration's `text` stays: printing does not change it. */
export function bareTree(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bareTree);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key, inner]) => !LEFT_OUT.has(key) && inner !== undefined);
  return Object.fromEntries(kept.map(([key, inner]) => [key, bareTree(inner)]));
}

/** S-expressions, a line for what is short: `(kind value key=(…) [items])`. */
export function treeText(file: FileNode): string {
  return [...file.imports, ...file.items].map((node) => `${nodeText(bareTree(node), 0)}\n`).join('');
}

function nodeText(value: unknown, indent: number): string {
  const flat = flatText(value);
  if (indent * 2 + flat.length <= 110 || typeof value !== 'object' || value === null) return flat;
  const pad = `\n${'  '.repeat(indent + 1)}`;
  if (Array.isArray(value)) return `[${value.map((item) => pad + nodeText(item, indent + 1)).join('')}]`;
  if (isName(value)) return flat;
  const { kind, ...rest } = value as Record<string, unknown>;
  const fields = Object.entries(rest).map(([key, inner]) => `${pad}${key}=${nodeText(inner, indent + 1)}`);
  return `(${typeof kind === 'string' ? kind : ''}${fields.join('')})`;
}

function flatText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flatText).join(' ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  if (isName(value)) return value.text;
  const { kind, ...rest } = value as Record<string, unknown>;
  const fields = Object.entries(rest).map(([key, inner]) => `${key}=${flatText(inner)}`);
  return `(${[...(typeof kind === 'string' ? [kind] : []), ...fields].join(' ')})`;
}

function isName(value: object): value is { readonly text: string } {
  return Object.keys(value).join() === 'text' && 'text' in value && typeof value.text === 'string';
}
