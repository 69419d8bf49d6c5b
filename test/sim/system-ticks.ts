/** Lets every promise that can settle do so: a real macrotask, which carries no simulated time. */
export function settleMicrotasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
