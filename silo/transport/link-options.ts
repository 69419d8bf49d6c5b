import { resolveOptions } from '../../lib/index.ts';

export interface LinkOptions {
  /** Requests of one link that have no answer yet, in each direction; more are refused (ERR_LINK_FULL). @default 16_384 */
  readonly requestsMax?: number;
  /** Bytes that wait to be sent, or whose requests have no answer yet, per link and direction. @default 64 MiB */
  readonly queuedBytesMax?: number;
  /** The longest message: an input or a result with its address. @default 32 MiB */
  readonly messageBytesMax?: number;
  /** A link on which nothing was heard for so long is asked, in milliseconds. @default 300 */
  readonly pingMs?: number;
  /** A link on which nothing was heard for so long is closed, in milliseconds. @default 10_000 */
  readonly silentMs?: number;
  /** How long a connection may take, in milliseconds. @default 2_000 */
  readonly connectMs?: number;
  /** How long the handshake may take, in milliseconds. @default 5_000 */
  readonly handshakeMs?: number;
  /** Connections that are in their handshake at a time; more are closed at once. @default 256 */
  readonly handshakesMax?: number;
  /** Pause after the first failed connection, in milliseconds; it doubles. @default 50 */
  readonly retryMs?: number;
  /** The longest pause between connections, in milliseconds. @default 1_000 */
  readonly retryMostMs?: number;
}

const MIB = 1024 * 1024;

const DEFAULTS: Required<LinkOptions> = {
  requestsMax: 16_384,
  queuedBytesMax: 64 * MIB,
  messageBytesMax: 32 * MIB,
  pingMs: 300,
  silentMs: 10_000,
  connectMs: 2_000,
  handshakeMs: 5_000,
  handshakesMax: 256,
  retryMs: 50,
  retryMostMs: 1_000,
};

/** @throws ERR_OPTION_INVALID */
export function resolveLinkOptions(given: LinkOptions | undefined): Required<LinkOptions> {
  return resolveOptions(DEFAULTS, given, {
    requestsMax: { least: 1, most: 65_535, isWhole: true },
    queuedBytesMax: { least: 64 * 1024, isWhole: true },
    messageBytesMax: { least: 1_024, most: 1024 * MIB, isWhole: true },
    pingMs: { least: 10 },
    silentMs: { least: 100 },
    connectMs: { least: 10 },
    handshakeMs: { least: 10 },
    handshakesMax: { least: 1, isWhole: true },
    retryMs: { least: 1 },
    retryMostMs: { least: 1 },
  });
}
