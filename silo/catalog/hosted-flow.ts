import type { CommitLevel, FlowDefinition } from '../../lib/index.ts';

/** A flow as a silo runs it: its definition with the Core's defaults filled in. */
export interface HostedFlow {
  readonly name: string;
  readonly definition: FlowDefinition;
  readonly level: CommitLevel;
  readonly isReadonly: boolean;
}
