// What the other folders and users may rely on.
export { assert, InvariantError, unreachable } from './base/assert.ts';
export { backoffMs, type BackoffOptions } from './base/backoff.ts';
export { compareUtf8, fromBase64, isWellFormed, toBase64, utf8Length } from './base/bytes.ts';
export type { Clock, TimerHandle } from './base/clock.ts';
export { FakeClock } from './base/fake-clock.ts';
export { Fifo } from './base/fifo.ts';
export { hash53 } from './base/hash.ts';
export { isPromise, type MaybePromise } from './base/maybe-promise.ts';
export { randomBelow, randomOf, type Rng, SeededRng } from './base/rng.ts';
export { TimerWheel, WheelNode } from './base/timer-wheel.ts';
export { type ErrorCode, ERRORS, errorSpec, type ErrorSpec, isErrorCode } from './errors/catalogue.ts';
export {
  type ErrorDetails,
  type ErrorReport,
  fromReport,
  fromUnknown,
  GrainError,
  toReport,
} from './errors/grain-error.ts';
export * from './grain/context.ts';
export * from './grain/core-types.ts';
export {
  type CoreDraft,
  defineCore,
  entity,
  isCore,
  NOT_FLOWS,
  singleton,
  stateless,
} from './grain/define-core.ts';
export {
  type FieldDefinition,
  list,
  type ListField,
  map,
  type MapField,
  value,
  type ValueField,
} from './grain/fields.ts';
export type { Frozen, MemoryList, MemoryMap, MemoryOf, ScanOptions } from './grain/memory-types.ts';
export { type SchemaIssue, type StandardSchema, toJsonSchema } from './grain/standard-schema.ts';
export {
  DEFAULT_TENANT,
  formatGrainId,
  type GrainId,
  isKey,
  isName,
  KEY_BYTES_MAX,
  keyFrom,
} from './ids/grain-id.ts';
export { nearestName, resolveOptions, unknownOption } from './options/resolve-options.ts';
export {
  checkValue,
  copyValue,
  DEPTH_MAX,
  estimateBytes,
  freezeValue,
  fromParsedJson,
  hasBytes,
  toJson,
} from './protocol/value-model.ts';
