// The three paths that carry nearly all requests, read by hand:
//   /v1/cores/{core}/instances/{key}/flows/{flow}   /v1/cores/{core}/flows/{flow}
//   /v1/cores/{core}/instances/{key}/events         /v1/cores/{core}/events
import { decodePart, pathOf } from './request-checks.ts';

export interface HotPath {
  readonly core: string;
  /** Undefined: the host takes it from the input. */
  readonly key: string | undefined;
  /** Undefined: an event, which the body names. */
  readonly flow: string | undefined;
}

const PREFIX = '/v1/cores/';
const INSTANCES = 'instances/';
const FLOWS = 'flows/';

/** Undefined when it is another path. Names are only taken apart here, not checked. @throws ERR_REQUEST_INVALID */
export function parseHotPath(url: string): HotPath | undefined {
  if (!url.startsWith(PREFIX)) return undefined;
  const path = pathOf(url);
  const coreEnd = path.indexOf('/', PREFIX.length);
  if (coreEnd <= PREFIX.length) return undefined;
  let at = coreEnd + 1;
  let keyStart = -1;
  let keyEnd = -1;
  if (path.startsWith(INSTANCES, at)) {
    keyStart = at + INSTANCES.length;
    keyEnd = path.indexOf('/', keyStart);
    if (keyEnd < 0) return undefined;
    at = keyEnd + 1;
  }
  let flow: string | undefined;
  if (path.startsWith(FLOWS, at)) {
    const flowStart = at + FLOWS.length;
    if (flowStart === path.length || path.includes('/', flowStart)) return undefined;
    flow = decodePart(path.slice(flowStart));
  } else if (path.slice(at) !== 'events') return undefined;
  const core = decodePart(path.slice(PREFIX.length, coreEnd));
  const key = keyStart < 0 ? undefined : decodePart(path.slice(keyStart, keyEnd));
  return { core, key, flow };
}
