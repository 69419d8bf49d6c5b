import { GrainError } from '../../lib/index.ts';

/**
 * An error of the runtime's own flows (silo/host), whose code reaches the caller as it is. A plain GrainError that a user's
 * flow throws, such as one of a nested call, is a failure of that flow.
 */
export class RaisedError extends GrainError {}
