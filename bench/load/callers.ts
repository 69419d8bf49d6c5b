/**
 * `count` calls by so many callers, each of which makes its next call when the last one was answered. Answers how many
 * were answered.
 */
export async function byCallers(
  count: number,
  callerCount: number,
  call: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  let answered = 0;
  async function caller(): Promise<void> {
    while (next < count) {
      const index = next;
      next += 1;
      await call(index);
      answered += 1;
    }
  }
  await Promise.all(Array.from({ length: callerCount }, caller));
  return answered;
}
