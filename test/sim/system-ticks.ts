/** Now and then the machine's own loop has to run, or nothing else in this process would. */
const LOOP_EVERY = 256;
let count = 0;

/** Lets every promise that can settle do so; carries no simulated time. */
export function settleMicrotasks(): Promise<void> {
  count += 1;
  // A tick runs when no microtask is left, and costs a tenth of a turn of the loop.
  if (count % LOOP_EVERY === 0) return new Promise((resolve) => setImmediate(resolve));
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}
