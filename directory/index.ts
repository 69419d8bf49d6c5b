export type { Claimer, GrainAddress, GrainDirectory, RegisterOutcome } from './grain-directory.ts';
export { MemoryDirectory, type MemoryDirectoryOptions } from './memory-directory.ts';
