// The language: the second door of lib. Compiling, checking, the IR, and the engine that runs it.

// source
export { type DiagnosticCode, DIAGNOSTICS, type DiagnosticSpec } from './source/codes.ts';
export { type Diagnostic, Diagnostics, type Report } from './source/diagnostic.ts';
export { type Position, SourceText, type Span } from './source/source-text.ts';

// syntax
export type * from './syntax/ast.ts';
export { FIELD_RULES } from './syntax/block-fields.ts';
export { KEYWORDS } from './syntax/keywords.ts';
export { lex } from './syntax/lexer.ts';
export { parseFile, type ParsedFile, type ParseOptions } from './syntax/parse-file.ts';
export { printFile } from './syntax/printer.ts';
export { tokensText } from './syntax/tokens-text.ts';

// types
export { printType, typeSource } from './types/print-type.ts';
export { readSignature } from './types/signature.ts';
export { FUNCTIONS, HOST_FUNCTIONS, METHODS } from './types/stdlib.ts';
export type { ObjectField, PrimitiveName, Type } from './types/type.ts';

// check
export * from './check/checked.ts';
export { checkProgram } from './check/check-program.ts';
export {
  type LoadedModule,
  type LoadedProgram,
  loadProgram,
  type ReadSource,
  resolvePath,
} from './check/resolve-modules.ts';

// ir
export * from './ir/ir.ts';
export {
  checkValue,
  type CheckValueOptions,
  type ReadValue,
  readValue,
  type ValueIssue,
} from './ir/check-value.ts';
export { isOptionalParam } from './ir/named-types.ts';
export { durationMs } from './ir/time-text.ts';
export { disassemble } from './ir/disassemble.ts';
export { BUNDLE_BYTES_MAX, IRSerializer } from './ir/ir-codec.ts';
export { jsonSchemaOf, type JsonSchemaOptions } from './ir/json-schema.ts';
export { type CoreManifest, manifestOf } from './ir/manifest.ts';
export type { IRCheck, IRProperty, IRTest } from './ir/ir-test.ts';
export { factsOf, type FlowFacts, verifyModule, type VerifierFinding } from './verify/index.ts';
export { cronProblem } from './verify/schedule.ts';

// compiler
export { check, type CheckResult, compile, type CompileOptions, type CompileResult } from './compile.ts';
export {
  type JsonDiagnostic,
  renderDiagnostic,
  renderDiagnostics,
  type RenderOptions,
  toJson,
  toSarif,
} from './render-diagnostics.ts';

// engine
export { CoreEngine, type LoadOptions } from './interp/core-engine.ts';
export { ERROR_TYPES, isErrorOf, ScaiCoreError, type ScaiCoreErrorType } from './interp/errors.ts';
export * from './interp/host-environment.ts';
export {
  hostEnvironment,
  InMemoryBackend,
  InMemoryCheckpointBackend,
  InMemoryEventSink,
  InMemoryReferenceStore,
} from './interp/in-memory.ts';
export {
  type MockAnswer,
  type MockModelOptions,
  MockModelProvider,
  type MockScript,
} from './interp/mock-model.ts';
export { runTest, type RunTestOptions, type TestFailure, type TestOutcome } from './interp/test-runner.ts';
