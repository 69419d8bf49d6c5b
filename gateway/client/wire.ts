// Reading what the server sends. It is trusted with our data, not with our state: what the client would stumble over is
// looked at here and where it is used, and ends the connection.
import type { ServerFrame } from '../protocol.ts';

/** The frame in a message; undefined when it is none. */
export function parseFrame(text: string): ServerFrame | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    return typeof (parsed as { readonly t?: unknown }).t === 'string' ? (parsed as ServerFrame) : undefined;
  } catch {
    return undefined;
  }
}

/** What is wrong with a first frame; undefined when it is a welcome to build on. */
export function checkWelcome(frame: ServerFrame): string | undefined {
  if (frame.t !== 'welcome') return `its first frame was '${frame.t}', not a welcome`;
  const counts = {
    acked: frame.acked,
    'credit.upto': (frame.credit as { readonly upto: number } | undefined)?.upto,
    max_calls: frame.max_calls,
    max_subs: frame.max_subs,
    max_frame_bytes: frame.max_frame_bytes,
  };
  for (const [name, count] of Object.entries(counts)) {
    if (!isCount(count)) return `the welcome has no valid ${name}`;
  }
  if (typeof frame.session !== 'string') return 'the welcome has no session';
  return frame.heartbeat_ms > 0 ? undefined : 'the welcome has no valid heartbeat_ms';
}

/** Whether it is a number that counts something: whole, and not below zero. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
