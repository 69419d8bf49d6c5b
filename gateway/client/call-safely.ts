import type { Clock } from '../../lib/index.ts';

/** Runs a listener of the user. What it throws surfaces as an uncaught error, and not in the middle of our own work. */
export function callSafely(clock: Clock, run: () => void): void {
  try {
    run();
  } catch (thrown) {
    clock.defer(() => {
      throw thrown;
    });
  }
}
