// Requests that offer to upgrade to something that we do not speak, such as `h2c`, which curl and the HTTP client of
// Java do by default. A server that does not want it answers as if nothing had been offered (RFC 9110, 7.8). Node 20
// cannot be told to: once a server listens for upgrades it takes its parser off the socket. So the head is put back
// without the offer, and the socket is read anew.
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';

const OFFER = new Set(['upgrade', 'http2-settings', 'connection']);

export function isForeignUpgrade(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() !== 'websocket';
}

export function ignoreUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method = 'GET', url = '/', httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!OFFER.has(name.toLowerCase())) text += `${name}: ${rawHeaders[at + 1] ?? ''}\r\n`;
  }
  socket.unshift(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}
