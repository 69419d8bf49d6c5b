// What can go wrong while a program runs. `errorType` is what `@catch` names and what results carry; of the names only
// GuardViolationError is the specification's (5.4), the others follow its recommendation or are ours.

/** Class → its parent: `@catch RuntimeError` catches all of its children. */
export const ERROR_TYPES = {
  ScaiCoreError: undefined,
  LoadError: 'ScaiCoreError',
  RuntimeError: 'ScaiCoreError',
  GuardViolationError: 'RuntimeError',
  OutputValidationError: 'RuntimeError',
  ModelProviderError: 'RuntimeError',
  EscalationError: 'RuntimeError',
  BudgetExceededError: 'RuntimeError',
  FuelError: 'BudgetExceededError',
  SizeError: 'BudgetExceededError',
  CheckpointTimeoutError: 'RuntimeError',
  CheckpointNotFoundError: 'RuntimeError',
  CheckpointMismatchError: 'RuntimeError',
  PluginError: 'RuntimeError',
  CoreCallError: 'RuntimeError',
  MemoryError: 'RuntimeError',
  LoopLimitError: 'RuntimeError',
  StackError: 'RuntimeError',
  FlowNotFoundError: 'RuntimeError',
  InvalidInputError: 'RuntimeError',
  TypeError: 'RuntimeError',
  NullError: 'RuntimeError',
  ArithmeticError: 'RuntimeError',
  IndexError: 'RuntimeError',
  MatchError: 'RuntimeError',
  FailError: 'RuntimeError',
  CancelledError: 'RuntimeError',
} as const satisfies Record<string, string | undefined>;

export type ScaiCoreErrorType = keyof typeof ERROR_TYPES;

/** An error of a program or of its surroundings, with the type by which programs catch it. */
export class ScaiCoreError extends Error {
  override readonly name: string;
  readonly errorType: ScaiCoreErrorType;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    errorType: ScaiCoreErrorType,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    options?: { readonly cause?: unknown },
  ) {
    super(message, options);
    this.name = errorType;
    this.errorType = errorType;
    this.details = details;
  }
}

/** Whether an error of `errorType` is one of class `caught`. */
export function isErrorOf(errorType: string, caught: string): boolean {
  for (let at: string | undefined = errorType; at !== undefined; at = parentOf(at))
    if (at === caught) return true;
  return false;
}

function parentOf(errorType: string): string | undefined {
  return Object.hasOwn(ERROR_TYPES, errorType) ? ERROR_TYPES[errorType as ScaiCoreErrorType] : undefined;
}
