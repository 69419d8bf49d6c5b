/** Runs `run` as a macrotask of the real loop: the only real thing in a test host. */
export function realDefer(run: () => void): void {
  setImmediate(run);
}
