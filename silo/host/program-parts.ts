// What a host gives to the programs that it runs, beside what the silo gives to every Core.
import type {
  EngineEvent,
  JsonValue,
  ModelProvider,
  PluginHost,
  ReferenceStore,
} from '../../lib/lang/index.ts';
import type { CheckpointStore } from '../checkpoints/checkpoint-store.ts';

export interface ProgramParts {
  /** Needed by programs that ask models. */
  readonly models?: ModelProvider | undefined;
  readonly plugins?: PluginHost | undefined;
  /** Data of `@reference`. */
  readonly reference?: ReferenceStore | undefined;
  /** Values of `@config` by the name of the parameter; what is absent takes its default. */
  readonly config?: Readonly<Record<string, JsonValue>> | undefined;
  /**
   * Memory of stateless Cores: none, empty for each call; or shared, one partition for the whole Core, whose calls then
   * follow each other. @default 'none'
   */
  readonly statelessMemory?: 'none' | 'shared' | undefined;
  /** Gets the engine's telemetry; must neither wait nor throw. @default nobody does, and none is made */
  readonly telemetry?: ((event: EngineEvent) => void) | undefined;
  /** Where people look for checkpoints. @default nowhere: only their grains know of them */
  readonly checkpoints?: CheckpointStore | undefined;
  /** Time that a turn of a flow may take, in milliseconds. @default 30_000 */
  readonly timeLimitMs?: number | undefined;
  /** The same of flows that ask models. @default 300_000 */
  readonly modelTimeLimitMs?: number | undefined;
  /** Steps that one execution may take. @default the engine's */
  readonly fuelMax?: number | undefined;
  /** Items that one execution may build. @default the engine's */
  readonly builtMax?: number | undefined;
}

export const TIME_LIMIT_MS = 30_000;
export const MODEL_TIME_LIMIT_MS = 300_000;
