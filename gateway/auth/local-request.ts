// Who may talk to a gateway that asks for no token (hazards.md 18). A page in the developer's browser reaches
// loopback addresses too: a WebSocket is not subject to CORS, and a name that an enemy controls may point here.
import { GrainError } from '../../lib/index.ts';

const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

export interface RequestHeaders {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
}

/**
 * Checks a request to a gateway in dev mode: the Host must be a loopback name, the Origin absent or allow-listed.
 * @throws ERR_AUTH_ORIGIN
 */
export function checkLocalRequest(headers: RequestHeaders, allowedOrigins: readonly string[]): void {
  const { host = '', origin } = headers;
  if (!LOCAL_HOST.test(host)) throw new GrainError('ERR_AUTH_ORIGIN', { host: host.slice(0, 100) });
  checkOrigin(origin, allowedOrigins);
}

/** @throws ERR_AUTH_ORIGIN when a browser's page of an origin that nobody listed asks. */
export function checkOrigin(origin: string | undefined, allowedOrigins: readonly string[]): void {
  if (origin === undefined || allowedOrigins.includes(origin)) return;
  throw new GrainError('ERR_AUTH_ORIGIN', { origin: origin.slice(0, 200) });
}
