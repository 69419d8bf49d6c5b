// Byte work that has to run in browsers too, so nothing of Node's is used here.

/** How many bytes a string takes in UTF-8 (a lone surrogate counts as the three of its replacement). */
export function utf8Length(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) count += 1;
    else if (unit < 0x800) count += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(index + 1))) {
      count += 4;
      index += 1;
    } else count += 3;
  }
  return count;
}

/** Whether every surrogate in the text has its partner, so that it survives UTF-8. */
export function isWellFormed(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    if (unit >= 0xdc00 || !isLowSurrogate(text.charCodeAt(index + 1))) return false;
    index += 1;
  }
  return true;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Standard base64 with padding (RFC 4648, section 4). */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 3) {
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    text += BASE64.charAt(group >> 18) + BASE64.charAt((group >> 12) & 63);
    text += at + 1 < bytes.length ? BASE64.charAt((group >> 6) & 63) : '=';
    text += at + 2 < bytes.length ? BASE64.charAt(group & 63) : '=';
  }
  return text;
}

/** The bytes of standard base64; undefined when the text is not that (wrong letters, length or padding). */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let out = 0;
  for (let at = 0; at < text.length; at += 4) {
    let group = 0;
    for (let offset = 0; offset < 4; offset += 1) {
      group = (group << 6) | Math.max(0, BASE64.indexOf(text.charAt(at + offset)));
    }
    for (const shift of [16, 8, 0]) {
      if (out < bytes.length) bytes[out++] = (group >> shift) & 255;
    }
  }
  return bytes;
}

/** Order of two strings by their UTF-8 bytes, which is their order by code points (UTF-16 order differs above U+D7FF). */
export function compareUtf8(left: string, right: string): number {
  const shared = Math.min(left.length, right.length);
  for (let index = 0; index < shared; index += 1) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit === rightUnit) continue;
    const isLeftPair = leftUnit >= 0xd800 && leftUnit <= 0xdfff;
    const isRightPair = rightUnit >= 0xd800 && rightUnit <= 0xdfff;
    if (isLeftPair !== isRightPair) return isLeftPair ? 1 : -1;
    return leftUnit - rightUnit;
  }
  return left.length - right.length;
}
