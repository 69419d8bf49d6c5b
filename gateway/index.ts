// What the other folders and users may rely on.
export {
  Gateway,
  type GatewayAddress,
  type GatewayOptions,
  type GatewayParts,
  type StopOptions,
} from './gateway.ts';
export type { HttpOptions, RateLimit } from './http/http-options.ts';
