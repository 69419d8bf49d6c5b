// What the commands of both roles of a cluster have in common.
import type { GranaryConfig } from '../../config/config-keys.ts';
import { padEnd, type Terminal } from '../terminal.ts';

export interface RoleFlags extends Partial<
  Pick<GranaryConfig, 'cluster' | 'redis' | 'data' | 'logLevel' | 'insecureLinks' | 'onDataLoss'>
> {
  readonly json?: boolean;
  readonly config?: string;
}

export const STOPPING =
  'Stopping: what runs is finished or handed over first. Ctrl-C again ends it at once.\n';

/** A whole cluster on one machine, from nothing: the lines can be copied. */
export const BY_HAND = `
A cluster on one machine, by hand, each line in a terminal of its own:
  $ redis-server --port 6379 --appendonly yes --appendfsync always
  $ granary silo counter.ts --name a
  $ granary silo counter.ts --name b
  $ granary silo counter.ts --name c
  $ granary gateway --port 7400
Then, from anywhere:
  $ granary call counter/one add '{"name":"one","by":2}'
  $ granary top
`;

export function placesText(
  terminal: Terminal,
  title: string,
  places: readonly (readonly string[])[],
  more: readonly string[],
): string {
  const lines = [
    terminal.paint('bold', title),
    '',
    ...places.map(([name = '', text = '']) => `${padEnd(name, 11)}${terminal.paint('cyan', text)}`),
    ...(more.length > 0 ? ['', ...more] : []),
    '',
    terminal.paint('dim', 'Ctrl-C stops.'),
  ];
  return `\n${lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n\n`;
}
