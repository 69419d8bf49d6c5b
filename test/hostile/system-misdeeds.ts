// What badly written flows do to the process they run in: the only tests' code that touches time by itself.

/** Gives nobody else a turn of the event loop. */
export function blockLoop(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** Throws where nobody can catch it. */
export function throwFromTimer(message: string): void {
  setTimeout(() => {
    throw new Error(message);
  }, 1);
}
