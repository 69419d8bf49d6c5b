import { randomBytes } from 'node:crypto';
import type { Rng } from './rng.ts';

/** The machine's randomness. `hex` is fit for secrets and ids; `next` is only for spreading load. */
export const systemRng: Rng = {
  next: () => Math.random(),
  hex: (count: number) => randomBytes(count).toString('hex'),
};
