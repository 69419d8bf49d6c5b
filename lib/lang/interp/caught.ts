// What `@catch` sees. Owns which errors can be caught, and what a catch binds.
import { InvariantError } from '../../base/assert.ts';
import { isErrorOf, ScaiCoreError, type ScaiCoreErrorType } from './errors.ts';
import type { JsonValue } from '../ir/ir.ts';

/** They end the execution: a program that caught them could go on for ever, or after it was told to stop. */
const UNCATCHABLE: ReadonlySet<ScaiCoreErrorType> = new Set<ScaiCoreErrorType>([
  'CancelledError',
  'FuelError',
  'SizeError',
]);

export interface CatchClause {
  readonly errorType: string | undefined;
}

export function catchOf<Clause extends CatchClause>(
  clauses: readonly Clause[],
  error: ScaiCoreError,
): Clause | undefined {
  if (UNCATCHABLE.has(error.errorType)) return undefined;
  return clauses.find(({ errorType }) => errorType === undefined || isErrorOf(error.errorType, errorType));
}

/** `{ type, message, details }`: only what is JSON data. */
export function bindingOf(error: ScaiCoreError): JsonValue {
  return { type: error.errorType, message: error.message, details: detailsOf(error) };
}

export function detailsOf(error: ScaiCoreError): JsonValue {
  try {
    return JSON.parse(JSON.stringify(error.details)) as JsonValue;
  } catch {
    // A host put something into it that is no data; the message has to do.
    return {};
  }
}

/**
 * Errors of the program as they are, and those of the machine below it by what they mean. Broken invariants of ours are
 * no errors of the program.
 * @throws InvariantError
 */
export function toProgramError(error: unknown): ScaiCoreError {
  if (error instanceof ScaiCoreError) return error;
  if (error instanceof InvariantError) throw error;
  if (error instanceof RangeError && error.message.includes('call stack'))
    return new ScaiCoreError(
      'StackError',
      'calls and expressions are nested too deeply',
      {},
      { cause: error },
    );
  const message = error instanceof Error ? error.message : String(error);
  return new ScaiCoreError('RuntimeError', message, {}, { cause: error });
}
