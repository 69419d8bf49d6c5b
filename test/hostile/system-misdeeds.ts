// What badly written flows do to the process that they run in, and slow clients to its sockets: the only code of tests
// that touches time by itself.
import type { Socket } from 'node:net';

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

/** Writes the text every now and then, until it is told to stop. */
export function drip(socket: Socket, text: string): () => void {
  const timer = setInterval(() => {
    if (socket.writable) socket.write(text);
  }, 20);
  return () => clearInterval(timer);
}
