import type { JsonValue } from '../../lib/lang/index.ts';
import type { TokenOptions } from '../auth/token-auth.ts';
import type { ClusterOptions } from '../cluster-options.ts';
import type { HostOptions } from '../host.ts';

/** What `granary.config.{ts,js,json}` may say. Flags and `GRANARY_*` variables win over it. */
export interface GranaryConfig
  extends
    Omit<HostOptions, 'cores' | 'programs' | 'programParts' | 'log' | 'tokens'>,
    Omit<ClusterOptions, 'data' | 'onDataLoss'> {
  /** Files, folders or patterns of Cores, from the folder of the configuration file. */
  readonly cores?: readonly string[];
  readonly tokens?: readonly TokenOptions[];
  /** Where the commands that ask a running host find it. @default 'http://127.0.0.1:7400' */
  readonly url?: string;
  /** The bearer token with which they ask. */
  readonly token?: string;
  /** What people call the silo. @default `silo-` and the process id */
  readonly name?: string;
  /** Where `granary silo` answers health checks. @default nowhere */
  readonly healthPort?: number;
  /** What is logged: `debug`, `info`, `warn`, `error` or `silent`. @default 'info' */
  readonly logLevel?: string;
  /** Where programs in ScaiCore find their models: providers by name, tools, prices (silo/models). */
  readonly models?: Readonly<Record<string, unknown>>;
  /** What the plugins of programs are (silo/plugins). */
  readonly plugins?: Readonly<Record<string, unknown>>;
  /** Values of `@config`, by Core and parameter; what is absent takes its default. */
  readonly coreConfig?: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>;
  /** Data of `@reference`, by Core and field. */
  readonly reference?: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>;
}
