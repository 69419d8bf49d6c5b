// The health of a silo, for whoever starts and watches it. Nothing else is told here: silos talk to people through gateways.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GrainError } from '../lib/index.ts';

export interface HealthServer {
  readonly url: string;
  /** `/health/ready` says no from now on. */
  drain(): void;
  close(): Promise<void>;
}

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  readonly isReady: () => boolean;
}

/** @throws ERR_LISTEN_FAILED */
export async function startHealthServer({ host, port, isReady }: HealthServerOptions): Promise<HealthServer> {
  let isDraining = false;
  const server = createServer(
    { requestTimeout: 5_000, maxHeaderSize: 8_192 },
    ({ method, url }, response) => {
      const isKnown = url === '/health' || url === '/health/ready';
      const ready = url !== '/health/ready' || (isReady() && !isDraining);
      const status = !isKnown ? 404 : method !== 'GET' && method !== 'HEAD' ? 405 : ready ? 200 : 503;
      const body = JSON.stringify({ status: status === 200 ? 'ok' : 'error', draining: isDraining });
      response.writeHead(status, { 'Content-Type': 'application/json', Connection: 'close' }).end(body);
    },
  );
  server.maxConnections = 100;
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why =
        cause.code === 'EADDRINUSE' ? 'it is taken; choose another with --health-port' : cause.message;
      const message = `cannot answer health checks on port ${port} of ${host}: ${why}`;
      reject(new GrainError('ERR_LISTEN_FAILED', { message, host, port, reason: cause.code }, { cause }));
    });
    server.listen({ host: bare, port }, resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${bare.includes(':') ? `[${bare}]` : bare}:${taken}`,
    drain: () => {
      isDraining = true;
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
