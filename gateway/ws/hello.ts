// What a hello leads to: who the client is, and which session it gets (hazards.md 11). Decides, and changes nothing.
import { GrainError } from '../../lib/index.ts';
import type { Clock, Rng } from '../../lib/index.ts';
import type { ClusterClient } from '../../silo/index.ts';
import type { Principal } from '../auth/principal.ts';
import { openSession, type SessionClaims, signSession } from '../auth/session-token.ts';
import type { TokenAuth } from '../auth/token-auth.ts';
import { CLOSE, type CloseCode } from '../protocol.ts';
import type { RawFrame } from './frame-codec.ts';
import { frameError, optionalCountOf } from './frame-fields.ts';
import type { StreamLimits } from './stream-options.ts';

export interface Admission {
  readonly principal: Principal;
  readonly sessionId: string;
  /** Of the token that was named; 0 for a new session. */
  readonly attach: number;
  readonly isResumed: boolean;
  /** The highest seq that the client has seen acknowledged. */
  readonly acked: number;
  readonly generation: string;
  /** The `session` of the welcome. */
  sign(attach: number): string;
}

export type HelloOutcome =
  | { readonly kind: 'admitted'; readonly admission: Admission }
  | { readonly kind: 'refused'; readonly code: CloseCode; readonly error: GrainError };

export interface HelloHost {
  readonly cluster: ClusterClient;
  readonly auth: TokenAuth;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly limits: StreamLimits;
}

/** @throws ERR_FRAME_INVALID when a field is of the wrong type */
export function admit(frame: RawFrame, fromHeader: Principal | undefined, host: HelloHost): HelloOutcome {
  const token = stringOf(frame, 'token');
  const session = stringOf(frame, 'session');
  const acked = optionalCountOf(frame, 'acked', 0) ?? 0;
  const principal = fromHeader ?? host.auth.authenticate(token);
  if (!principal) {
    return { kind: 'refused', code: CLOSE.unauthenticated, error: new GrainError('ERR_AUTH_REQUIRED') };
  }
  const claims = session === undefined ? undefined : claimsOf(session, host);
  if (claims && (claims.principal !== principal.name || claims.tenant !== principal.tenant)) {
    const error = new GrainError('ERR_AUTH_FORBIDDEN', { message: 'The session belongs to someone else.' });
    return { kind: 'refused', code: CLOSE.forbidden, error };
  }
  return { kind: 'admitted', admission: admissionOf(principal, claims, acked, host) };
}

function admissionOf(
  principal: Principal,
  claims: SessionClaims | undefined,
  acked: number,
  { cluster, clock, rng, limits }: HelloHost,
): Admission {
  const { generation, clusterKey } = cluster;
  const id = claims?.id ?? rng.hex(16);
  const { name, tenant } = principal;
  const expiresAtMs = Math.ceil(clock.wallMs() + limits.sessionMs);
  return {
    principal,
    sessionId: id,
    attach: claims?.attach ?? 0,
    isResumed: claims !== undefined,
    acked,
    generation,
    sign: (attach) =>
      signSession({ id, tenant, principal: name, generation, attach, expiresAtMs }, clusterKey),
  };
}

/** Undefined for a session that is not to be resumed: forged, expired, or of a store that is gone. */
function claimsOf(session: string, { cluster, clock }: HelloHost): SessionClaims | undefined {
  const claims = openSession(session, cluster.clusterKey, clock.wallMs());
  return claims?.generation === cluster.generation ? claims : undefined;
}

function stringOf(frame: RawFrame, field: string): string | undefined {
  const text = frame[field];
  if (text === undefined || text === null) return undefined;
  if (typeof text === 'string') return text;
  throw frameError(frame, `${field} must be a string`);
}
