// The `session` of a welcome: opaque to clients, and readable by every gateway of the cluster without a store.
//   S1. Nobody without the cluster's key can make or change one (HMAC-SHA256, compared in constant time).
//   S2. It names its tenant and principal, so that whoever else learns it can do nothing with it (hazards.md 11).
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface SessionClaims {
  /** Random; with the tenant it is the source of the marks at the grains. */
  readonly id: string;
  readonly tenant: string;
  readonly principal: string;
  /** Of the store: another one means that marks were lost. */
  readonly generation: string;
  /** How many times the session was attached to a socket. Grains refuse a lower one. */
  readonly attach: number;
  /** On the wall clock, because it outlives processes. */
  readonly expiresAtMs: number;
}

/** Longer ones were not made by us. */
const LENGTH_MAX = 2_048;

export function signSession(claims: SessionClaims, clusterKey: string): string {
  const { id, tenant, principal, generation, attach, expiresAtMs } = claims;
  const body = JSON.stringify([1, id, tenant, principal, generation, attach, expiresAtMs]);
  const text = Buffer.from(body).toString('base64url');
  return `${text}.${macOf(text, clusterKey).toString('base64url')}`;
}

/** What the token says; undefined when we did not make it, it was changed, or it expired. */
export function openSession(token: string, clusterKey: string, wallMs: number): SessionClaims | undefined {
  const dot = token.indexOf('.');
  if (dot < 0 || token.length > LENGTH_MAX) return undefined;
  const text = token.slice(0, dot);
  const given = Buffer.from(token.slice(dot + 1), 'base64url');
  const mac = macOf(text, clusterKey);
  if (given.length !== mac.length || !timingSafeEqual(given, mac)) return undefined;
  const claims = claimsOf(Buffer.from(text, 'base64url').toString());
  return claims !== undefined && claims.expiresAtMs > wallMs ? claims : undefined;
}

function macOf(text: string, clusterKey: string): Buffer {
  return createHmac('sha256', Buffer.from(clusterKey, 'hex')).update(`granary.session.v1.${text}`).digest();
}

/** Signed by us, so it parses; a later version may have another shape. */
function claimsOf(body: string): SessionClaims | undefined {
  const parsed = JSON.parse(body) as readonly unknown[];
  const [version, id, tenant, principal, generation, attach, expiresAtMs] = parsed;
  if (version !== 1 || typeof attach !== 'number' || typeof expiresAtMs !== 'number') return undefined;
  if (typeof id !== 'string' || typeof tenant !== 'string') return undefined;
  if (typeof principal !== 'string' || typeof generation !== 'string') return undefined;
  return { id, tenant, principal, generation, attach, expiresAtMs };
}
