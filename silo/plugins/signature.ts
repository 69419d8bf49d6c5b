// What tells a plugin that a call is from this Granary, is whole, and is not an old one sent again.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** `t=<seconds>,v1=<hex hmac-sha256(secret, t + "." + body)>` */
export function signatureOf(body: string, secret: string, wallMs: number): string {
  const seconds = Math.floor(wallMs / 1_000);
  return `t=${seconds},v1=${macOf(`${seconds}.${body}`, secret)}`;
}

function macOf(signed: string, secret: string): string {
  return createHmac('sha256', secret).update(signed).digest('hex');
}

/** For plugins in TypeScript: whether `signature` is right for the raw body, and not older or newer than the tolerance. */
export function isSignatureValid(
  signature: string,
  body: string,
  { secret, wallMs, toleranceMs = 300_000 }: SignatureCheck,
): boolean {
  const [, seconds = '', mac = ''] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
  if (mac === '' || Math.abs(wallMs - Number(seconds) * 1_000) > toleranceMs) return false;
  return timingSafeEqual(Buffer.from(mac), Buffer.from(macOf(`${seconds}.${body}`, secret)));
}

export interface SignatureCheck {
  readonly secret: string;
  /** Now, by the plugin's clock. */
  readonly wallMs: number;
  /** @default 300_000 */
  readonly toleranceMs?: number;
}
