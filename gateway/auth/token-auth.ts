// TokenAuth: which token stands for whom.
// Owns: the digests of the configured tokens. Does not own: where a token is looked for (header, hello frame).
//   A1. Tokens are compared as SHA-256 digests, in a time that does not depend on which one matches or how far.
//   A2. No token is kept, logged or put into an error; only its digest stays.
//   A3. Without tokens everybody is `dev`, but only where the gateway listens on loopback; else nobody gets in.
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Clock, DEFAULT_TENANT, GrainError, isName } from '../../lib/index.ts';
import type { Principal } from './principal.ts';

export type Right = 'call' | 'admin';

export interface TokenOptions {
  /** The secret itself. Either this or `tokenSha256`. */
  readonly token?: string | undefined;
  /** SHA-256 of the secret in hexadecimal, so that the configuration holds no secret. */
  readonly tokenSha256?: string | undefined;
  /** Who the token stands for. Two tokens may stand for the same one, as during a change of tokens. */
  readonly principal: string;
  /** @default 'default' */
  readonly tenant?: string | undefined;
  /** The Cores that may be used. @default all */
  readonly cores?: readonly string[] | undefined;
  /** `call`: use grains; `admin`: also what operators do. @default ['call'] */
  readonly rights?: readonly Right[] | undefined;
  /** May name grains of other tenants, as `tenant/core`. @default false */
  readonly anyTenant?: boolean | undefined;
  /** Wall-clock milliseconds since 1970 after which the token is refused. @default never */
  readonly expiresAtMs?: number | undefined;
}

export interface TokenAuthOptions {
  readonly tokens?: readonly TokenOptions[] | undefined;
  /** Whether the gateway listens on loopback addresses only. */
  readonly isLoopback: boolean;
  readonly clock: Clock;
}

interface Entry {
  readonly digest: Uint8Array;
  readonly principal: Principal;
}

const DEV: Principal = Object.freeze({
  name: 'dev',
  tenant: DEFAULT_TENANT,
  anyTenant: true,
  isAdmin: true,
  expiresAtMs: Infinity,
  canUse: () => true,
});

export class TokenAuth {
  /** No tokens are needed: everybody who reaches the loopback address is `dev`. */
  readonly isOpen: boolean;
  readonly #entries: readonly Entry[];
  readonly #clock: Clock;

  /** @throws ERR_CONFIG_INVALID */
  constructor({ tokens = [], isLoopback, clock }: TokenAuthOptions) {
    this.#clock = clock;
    this.#entries = tokens.map(entryOf);
    this.isOpen = tokens.length === 0 && isLoopback;
  }

  /** Whom the token stands for; undefined when it is missing, unknown or expired. */
  authenticate(token: string | undefined): Principal | undefined {
    if (this.isOpen) return DEV;
    if (token === undefined || token === '') return undefined;
    const digest = createHash('sha256').update(token).digest();
    let found: Principal | undefined;
    for (const entry of this.#entries) {
      if (timingSafeEqual(entry.digest, digest)) found = entry.principal;
    }
    return found !== undefined && found.expiresAtMs > this.#clock.wallMs() ? found : undefined;
  }
}

/** The token of an `Authorization: Bearer …` header. */
export function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined;
  return /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
}

function entryOf(options: TokenOptions, index: number): Entry {
  const { principal: name, tenant = DEFAULT_TENANT, cores, anyTenant = false } = options;
  const { rights = ['call'], expiresAtMs = Infinity } = options;
  const refuse = (problem: string): never => {
    throw new GrainError('ERR_CONFIG_INVALID', { message: `tokens[${index}] ${problem}` });
  };
  if (typeof name !== 'string' || name === '') refuse('needs a principal');
  if (!isName(tenant)) refuse(`has the tenant ${JSON.stringify(tenant)}, which is not a name`);
  const digest = digestOf(options) ?? refuse('needs either token, or tokenSha256 as 64 hexadecimal digits');
  const allowed = cores === undefined ? undefined : new Set(cores);
  const mayCall = rights.includes('call');
  const principal: Principal = Object.freeze({
    name,
    tenant,
    anyTenant,
    isAdmin: rights.includes('admin'),
    expiresAtMs,
    canUse: (core: string) => mayCall && (allowed === undefined || allowed.has(core)),
  });
  return { digest, principal };
}

function digestOf({ token, tokenSha256 }: TokenOptions): Uint8Array | undefined {
  if (token !== undefined && tokenSha256 === undefined && token !== '') {
    return createHash('sha256').update(token).digest();
  }
  if (token !== undefined || tokenSha256 === undefined) return undefined;
  return /^[0-9a-f]{64}$/i.test(tokenSha256) ? Buffer.from(tokenSha256, 'hex') : undefined;
}
