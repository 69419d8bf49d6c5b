// For tests and benches: parts of the gateway that nobody outside needs.
export { RateLimiter } from './http/admission.ts';
export { parseHotPath } from './http/hot-path.ts';
export { isLoopback, resolveHttpOptions } from './http/http-options.ts';
export { ROUTES } from './http/routes.ts';
export { TokenAuth, type TokenOptions } from './auth/token-auth.ts';
export { openSession, type SessionClaims, signSession } from './auth/session-token.ts';
export {
  CLOSE,
  HELLO_BYTES_MAX,
  HELLO_MS,
  STREAM_PATH,
  SUBPROTOCOL_JSON,
  SUBPROTOCOL_MSGPACK,
} from './protocol.ts';
export { jsonCodec, msgpackCodec } from './ws/frame-codec.ts';
export { SessionMemory, SessionRegistry } from './ws/session-registry.ts';
export { StreamServer, type StreamServerOptions } from './ws/stream-server.ts';
export { Lane, type LaneOwner, StreamEvent } from './ws/lane.ts';
export { resolveLimits as resolveStreamLimits } from './ws/stream-options.ts';
export { coreFiles } from './cli/cores/core-files.ts';
export { CoreLoader } from './cli/cores/core-loader.ts';
export { sampleInput } from './cli/dev/sample-input.ts';
export type { JobState, Refusal } from './cli/send/job-state.ts';
export { jsonLines } from './cli/send/json-lines.ts';
export { type JobItem, type JobOptions, runJob } from './cli/send/stream-job.ts';
export { fit, printable, systemTerminal, type Terminal, widthOf } from './cli/terminal.ts';
export { frameLines, loadOf } from './cli/top/frame.ts';
export { checkSettings, settingsFromEnv } from './config/settings.ts';
export {
  type ClusterMember,
  type GatewayProcess,
  type JoinParts,
  type MemberSystem,
  type SiloProcess,
  startGateway,
  startSilo,
} from './cluster-host.ts';
export { resolveClusterOptions, shownRedis } from './cluster-options.ts';
export { joinCluster } from './system-cluster.ts';
export { watchProcess } from './system-process.ts';
export { readWitness, witnessFile, writeWitness } from './witness-file.ts';
export type { Cli, ExitCode } from './cli/cli.ts';
export { runScaicore } from './cli/scaicore/program.ts';
