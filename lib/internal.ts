// For processes' main files, tests and benches: the machine's own clock and randomness.
export { systemClock } from './base/system-clock.ts';
export { systemRng } from './base/system-rng.ts';
