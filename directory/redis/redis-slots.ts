// Hash slots of Redis Cluster: which of the 16,384 a key lies in.

export const SLOT_COUNT = 16_384;

/** Tags of ours are few (one per partition); what strangers name in a call is not kept beyond this. */
const CACHE_MAX = 4_096;
const slots = new Map<string, number>();

/** What is hashed of a key: the text between the first `{` and the next `}` when there is any, else all of it. */
export function hashTag(key: string): string {
  const open = key.indexOf('{');
  if (open < 0) return key;
  const close = key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

export function slotOf(key: string): number {
  const tag = hashTag(key);
  const known = slots.get(tag);
  if (known !== undefined) return known;
  const slot = crc16(Buffer.from(tag)) % SLOT_COUNT;
  if (slots.size < CACHE_MAX) slots.set(tag, slot);
  return slot;
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff;
    }
  }
  return crc;
}
