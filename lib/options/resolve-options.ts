import { GrainError } from '../errors/grain-error.ts';

/** What a numeric option must be. */
export interface NumberRule {
  readonly least: number;
  readonly most?: number;
  readonly isWhole?: boolean;
}

/** `given` over `defaults`, frozen; undefined means "not given". @throws ERR_OPTION_INVALID naming value and rule. */
export function resolveOptions<T extends object>(
  defaults: T,
  given: { readonly [K in keyof T]?: T[K] | undefined } | undefined,
  rules: { readonly [K in keyof T]?: NumberRule },
): Readonly<T> {
  const resolved = { ...defaults };
  for (const name of Object.keys(given ?? {}) as (keyof T & string)[]) {
    if (!Object.hasOwn(defaults, name)) throw unknownOption(name, Object.keys(defaults));
    const value = given?.[name];
    if (value !== undefined) resolved[name] = value as T[typeof name];
  }
  for (const name of Object.keys(rules) as (keyof T & string)[]) {
    const rule = rules[name];
    if (rule) checkNumber(name, resolved[name], rule);
  }
  return Object.freeze(resolved);
}

function checkNumber(
  option: string,
  value: unknown,
  { least, most = Infinity, isWhole = false }: NumberRule,
): void {
  const fits = typeof value === 'number' && value >= least && value <= most;
  if (fits && (!isWhole || Number.isInteger(value) || value === Infinity)) return;
  const must = `be a ${isWhole ? 'whole ' : ''}number from ${least} to ${most}`;
  throw new GrainError('ERR_OPTION_INVALID', {
    message: `${option} must ${must}, not ${String(value)}`,
    option,
  });
}

/** The error for a name that is not an option; it names the nearest one that is. */
export function unknownOption(name: string, known: readonly string[]): GrainError {
  const nearest = nearestName(name, known);
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`;
  return new GrainError('ERR_OPTION_INVALID', {
    message: `unknown option ${name}${hint}`,
    option: name,
    nearest,
  });
}

/** The known name with the fewest edits away, when that is few enough to be a slip. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestEdits = Math.max(2, Math.floor(name.length / 2)) + 1;
  for (const candidate of known) {
    const edits = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (edits < bestEdits) [best, bestEdits] = [candidate, edits];
  }
  return best;
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_unused, index) => index);
  for (let at = 1; at <= left.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= right.length; to += 1) {
      const swap = (row[to - 1] ?? 0) + (left[at - 1] === right[to - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
