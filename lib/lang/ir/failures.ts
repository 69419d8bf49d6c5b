// The ways in which a model fails, as lists: what the checks and the docs go through.
import type { FailureClass } from './ir.ts';

export const FAILURE_CLASSES: readonly FailureClass[] = [
  'low_confidence',
  'constraint_violation',
  'parse_error',
  'refusal',
  'hallucination',
];
