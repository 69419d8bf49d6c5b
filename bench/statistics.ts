export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** @throws RangeError of an empty list */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = [...values].sort((left, right) => left - right);
  const middle = (sorted.length - 1) / 2;
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    least: at(0),
    most: at(sorted.length - 1),
  };
}

/** The least of these values that a share of them does not exceed. @throws RangeError of an empty list */
export function quantileOf(values: ArrayLike<number>, share: number): number {
  if (values.length === 0) throw new RangeError('nothing was measured');
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** Names of the contestants in the order of this round: each is first once, second once, and so on. */
export function rotated<T>(items: readonly T[], round: number): T[] {
  const start = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/** Three significant digits, with a thousands' letter. */
export function compact(value: number): string {
  if (value === 0) return '0';
  const steps = [
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' k'],
  ] as const;
  // From 999.5 on, three digits would be written as 1000.
  const [size, letter] = steps.find(([step]) => Math.abs(value) >= step * 0.9995) ?? [1, ' '];
  return `${threeDigits(value / size)}${letter}`.trimEnd();
}

function threeDigits(value: number): string {
  const rounded = Number(value.toPrecision(3));
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(rounded))));
  return rounded.toFixed(Math.min(digits, 4));
}
