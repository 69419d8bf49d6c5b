// Which process a local TCP connection comes from: Linux tells it in /proc. Elsewhere nobody knows, and a relay can only
// tell apart where connections lead.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Of these processes, the one that connected from this port of 127.0.0.1. */
export function ownerOfPort(port: number, pids: Iterable<number>): number | undefined {
  const inode = inodeOf(port);
  if (inode === undefined) return undefined;
  const wanted = `socket:[${inode}]`;
  for (const pid of pids) {
    try {
      const folder = `/proc/${pid}/fd`;
      for (const fd of readdirSync(folder)) if (linkOf(`${folder}/${fd}`) === wanted) return pid;
    } catch {
      // It ended.
    }
  }
  return undefined;
}

/** Lines are: number, local address and port in hexadecimal, remote ones, state, …, inode as the tenth. */
function inodeOf(port: number): string | undefined {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  try {
    for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(local) && fields[9] !== '0') return fields[9];
    }
  } catch {
    // Not Linux.
  }
  return undefined;
}

function linkOf(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined;
  }
}
