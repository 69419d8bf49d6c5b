import type { DiagnosticCode } from '../source/codes.ts';

/** What a rule of the verifier has to say of a module. */
export interface VerifierFinding {
  readonly code: DiagnosticCode;
  readonly message: string;
  /** The block, statement, flow or trigger that it is about: where it stands in the source is known by it. */
  readonly node?: object;
  /** Name of the flow that it stands in. */
  readonly flow?: string;
}

export type Find = (code: DiagnosticCode, node: object | undefined, message: string) => void;
