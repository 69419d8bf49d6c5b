/** A broken promise of our own code. Never caught and turned into a reply: it ends the activation, or the silo. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** States an invariant. `message` says which one, with the values that break it. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Closes a switch over a union: a new member that nobody handles is a compile error. */
export function unreachable(value: never): never {
  throw new InvariantError(`unhandled case: ${JSON.stringify(value)}`);
}
