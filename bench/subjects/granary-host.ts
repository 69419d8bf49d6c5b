// Granary as a user starts it.
import { type Host, type HostOptions, type Logger, startHost } from '../../gateway/granary.ts';

/** What goes wrong is worth seeing, the rest is noise. */
export const LOG: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (fields, message) => console.error(`warn ${message}`, fields),
  error: (fields, message) => console.error(`error ${message}`, fields),
};

export function openHost(options: Pick<HostOptions, 'cores' | 'data' | 'silo'>): Promise<Host> {
  return startHost({ port: 0, log: LOG, ...options });
}

/** How many activations the host holds. */
export async function activationsOf(host: Host): Promise<number> {
  const { silos } = await host.silo.cluster();
  return silos.reduce((sum, { activations }) => sum + activations, 0);
}
