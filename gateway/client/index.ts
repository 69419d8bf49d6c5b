// The client for browsers, and for every runtime with a WebSocket of its own. `node.ts` is the same for Node.
import { createClient, type GranaryClient } from './client.ts';
import type { ClientOptions } from './options.ts';
import { browserDialer } from './socket.ts';
import { clientClock, clientRng } from './system-runtime.ts';

export * from './exports.ts';

/** A client of the gateway at `url`. It connects when it is first used. @throws ERR_OPTION_INVALID */
export function connect(url: string, options: ClientOptions = {}): GranaryClient {
  return createClient(url, options, { clock: clientClock, rng: clientRng }, browserDialer);
}
