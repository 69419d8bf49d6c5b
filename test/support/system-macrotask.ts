/** Lets every promise that can settle do so: a real macrotask, which carries no time of the tests' clocks. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
