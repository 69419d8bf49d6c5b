// The language: the second door of lib. Compiling, checking, the IR, and the engine that runs it.

// source
export { type DiagnosticCode, DIAGNOSTICS, type DiagnosticSpec } from './source/codes.ts';
export { type Diagnostic, Diagnostics, type Report } from './source/diagnostic.ts';
export { type Position, SourceText, type Span } from './source/source-text.ts';

// types
export { FUNCTIONS, HOST_FUNCTIONS, METHODS } from './types/stdlib.ts';
export type { ObjectField, PrimitiveName, Type } from './types/type.ts';

// ir
export * from './ir/ir.ts';

// engine
export { ERROR_TYPES, isErrorOf, ScaiCoreError, type ScaiCoreErrorType } from './interp/errors.ts';
export * from './interp/host-environment.ts';
