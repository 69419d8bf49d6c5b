// Names of Cores in programs: `core://tenant/slug`, `core://slug` or `core://Name`. Pure.
// Rule, in this order: a Core of exactly the name; else the one whose name in kebab-case is the slug.

/** The last part of a `core://` URI. */
export function slugOf(uri: string): string {
  const path = uri.startsWith('core://') ? uri.slice('core://'.length) : uri;
  return path.split('/').at(-1) ?? path;
}

/** `OrderDesk` → `order-desk`. */
export function kebabOf(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();
}

/** `order-desk` → `OrderDesk`. */
export function pascalOf(slug: string): string {
  return slug
    .split(/[-_]/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');
}

/** The Core that a URI means; undefined when there is none. */
export function coreNamed(
  uri: string,
  names: { has(name: string): boolean; keys(): Iterable<string> },
): string | undefined {
  const slug = slugOf(uri);
  if (names.has(slug)) return slug;
  const pascal = pascalOf(slug);
  if (names.has(pascal)) return pascal;
  for (const name of names.keys()) if (kebabOf(name) === slug) return name;
  return undefined;
}

/** The Core behind a program that keeps what has to outlive a call; its name is no program's. */
export function executionsOf(core: string): string {
  return `${core}.executions`;
}

/** The Core behind a program that writes its checkpoints where people look for them. */
export function projectorOf(core: string): string {
  return `${core}.projector`;
}

/** What the source of `@on event from core://…` may be called on the bus, and with it the Core behind it. */
export function sourcesOf(uri: string): readonly string[] {
  const slug = slugOf(uri);
  const names = [...new Set([slug, pascalOf(slug)])];
  return names.flatMap((name) => [name, executionsOf(name)]);
}
