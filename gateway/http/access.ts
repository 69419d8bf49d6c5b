// Access: who asks, for which tenant, and whether now. The one door of all requests but health checks.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type Clock, GrainError, isKey, isName } from '../../lib/index.ts';
import { checkLocalRequest, checkOrigin } from '../auth/local-request.ts';
import type { Principal } from '../auth/principal.ts';
import { bearerOf, type TokenAuth } from '../auth/token-auth.ts';
import { RateLimiter } from './admission.ts';
import { isLoopback, type ResolvedHttpOptions } from './http-options.ts';
import { invalidRequest } from './request-checks.ts';

export interface Caller {
  readonly principal: Principal;
  readonly tenant: string;
}

export class Access {
  readonly #auth: TokenAuth;
  readonly #clock: Clock;
  readonly #allowedOrigins: readonly string[];
  readonly #isLoopback: boolean;
  readonly #rates: RateLimiter | undefined;
  /** What most requests get: nobody names a tenant. */
  readonly #callers = new WeakMap<Principal, Caller>();

  constructor(auth: TokenAuth, clock: Clock, options: ResolvedHttpOptions) {
    this.#auth = auth;
    this.#clock = clock;
    this.#allowedOrigins = options.allowedOrigins;
    this.#isLoopback = isLoopback(options.host);
    this.#rates = options.rateLimit && new RateLimiter(options.rateLimit);
  }

  /** @throws ERR_AUTH_ORIGIN, ERR_AUTH_REQUIRED, ERR_AUTH_FORBIDDEN, ERR_LIMIT_RATE */
  check(request: IncomingMessage): Caller {
    const { headers } = request;
    if (this.#auth.isOpen) this.#checkOpen(headers);
    const principal = this.#auth.authenticate(bearerOf(headers.authorization));
    if (this.#rates) this.#checkRate(this.#rates, request, principal);
    if (principal) return this.#callerFor(principal, headers['x-tenant']);
    throw new GrainError('ERR_AUTH_REQUIRED');
  }

  /** Beyond loopback any Host is right, because the operator asked for that; a stranger's page still is not. */
  #checkOpen(headers: IncomingHttpHeaders): void {
    if (this.#isLoopback) checkLocalRequest(headers, this.#allowedOrigins);
    else checkOrigin(headers.origin, this.#allowedOrigins);
  }

  #checkRate(rates: RateLimiter, request: IncomingMessage, principal: Principal | undefined): void {
    // Without tokens everybody is the same principal, so the address tells callers apart.
    const isNamed = principal !== undefined && !this.#auth.isOpen;
    const caller = isNamed ? `principal ${principal.name}` : `address ${request.socket.remoteAddress ?? ''}`;
    const waitMs = rates.take(caller, this.#clock.nowMs());
    if (waitMs > 0) throw new GrainError('ERR_LIMIT_RATE', { retryAfterMs: waitMs });
  }

  #callerFor(principal: Principal, tenant: string | readonly string[] | undefined): Caller {
    if (tenant === undefined || tenant === principal.tenant) {
      const known = this.#callers.get(principal);
      if (known) return known;
      const caller = { principal, tenant: principal.tenant };
      this.#callers.set(principal, caller);
      return caller;
    }
    if (!isName(tenant)) throw invalidRequest('X-Tenant is not the name of a tenant');
    if (!principal.anyTenant) throw new GrainError('ERR_AUTH_FORBIDDEN', { tenant });
    return { principal, tenant };
  }
}

/** @throws ERR_AUTH_FORBIDDEN; ERR_CORE_UNKNOWN for what cannot be a name */
export function checkCore({ principal }: Caller, core: string): void {
  const isNamed: boolean = isName(core);
  if (!isNamed) throw new GrainError('ERR_CORE_UNKNOWN', { core: core.slice(0, 64) });
  if (!principal.canUse(core)) throw new GrainError('ERR_AUTH_FORBIDDEN', { core });
}

/** @throws ERR_KEY_INVALID */
export function checkKey(key: string): void {
  const isValid: boolean = isKey(key);
  if (!isValid) throw new GrainError('ERR_KEY_INVALID', { got: key.slice(0, 64) });
}
