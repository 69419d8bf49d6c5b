// Every command that a Redis server executes, as its MONITOR tells it: those that clients sent, and those of scripts.
import { connect } from 'node:net';
import { check } from '../bench.ts';

export interface CommandCounts {
  /** By clients; a script is one. */
  readonly sent: number;
  readonly inScripts: number;
  /** Names of those sent, with how often. */
  readonly byName: ReadonlyMap<string, number>;
}

/** `+1339518083.107412 [0 127.0.0.1:60866] "get" "key"`, or `[0 lua]`. */
const LINE = /^\+\d+\.\d+ \[\d+ (\S+)\] "((?:[^"\\]|\\.)*)"/;

export async function watchCommands(port: number): Promise<{ end(): Promise<CommandCounts> }> {
  const socket = connect({ port, host: '127.0.0.1' });
  let text = '';
  socket.setEncoding('latin1');
  const isWatching = new Promise<void>((resolve, reject) => {
    socket.on('data', (piece) => {
      text += piece as unknown as string;
      if (text.includes('\r\n')) resolve();
    });
    socket.on('error', reject);
  });
  socket.write('MONITOR\r\n');
  await isWatching;
  return {
    async end() {
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.destroy();
      await closed;
      const [welcome, ...lines] = text.split('\r\n');
      check(welcome === '+OK', `MONITOR was answered by ${welcome}`);
      return counted(lines);
    },
  };
}

function counted(lines: readonly string[]): CommandCounts {
  let sent = 0;
  let inScripts = 0;
  const byName = new Map<string, number>();
  for (const line of lines) {
    const [, from, name = ''] = LINE.exec(line) ?? [];
    if (from === undefined) continue;
    if (from === 'lua') inScripts += 1;
    else {
      sent += 1;
      byName.set(name, (byName.get(name) ?? 0) + 1);
    }
  }
  return { sent, inScripts, byName };
}
