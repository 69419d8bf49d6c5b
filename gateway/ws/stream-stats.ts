/** Counters since the start of the gateway, for metrics. */
export interface StreamStats {
  opened: number;
  /** Upgrades that were refused. */
  refused: number;
  framesIn: number;
  framesOut: number;
  /** Frames that broke the protocol. */
  malformed: number;
  events: number;
  acks: number;
  nacks: number;
  calls: number;
  subs: number;
  pushes: number;
  resumed: number;
  /** Connections that the gateway closed, by close code. */
  readonly closed: Map<number, number>;
}

export function newStats(): StreamStats {
  return {
    opened: 0,
    refused: 0,
    framesIn: 0,
    framesOut: 0,
    malformed: 0,
    events: 0,
    acks: 0,
    nacks: 0,
    calls: 0,
    subs: 0,
    pushes: 0,
    resumed: 0,
    closed: new Map(),
  };
}
