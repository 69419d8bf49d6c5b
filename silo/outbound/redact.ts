// What others say about our requests goes into errors and so to callers and logs: without our secrets, and not at length.

const LENGTH_MAX = 500;
/** Keys in the usual spellings, whole or already shortened with stars by the service. */
const KEY_LIKE = /\b(?:sk|sgk|pk|rk)[-_][\w*-]{6,}|\bBearer\s+[^\s"',;]+/gi;

/** @param secrets none shorter than 4 characters is looked for: it would blank out half of the text */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const known = secrets.filter((secret) => secret.length >= 4).sort((a, b) => b.length - a.length);
  return (text) => {
    let shown = text;
    for (const secret of known) shown = shown.replaceAll(secret, '[secret]');
    shown = shown.replace(KEY_LIKE, '[secret]').replace(/\s+/g, ' ').trim();
    return shown.length <= LENGTH_MAX ? shown : `${shown.slice(0, LENGTH_MAX)}…`;
  };
}
