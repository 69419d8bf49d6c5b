// Every diagnostic of the compiler. The first digit says the phase: 0 lexer, 1 parser, 2 names, 3 types, 4 verifier.
// Codes are never reused; E407 (a value that cannot be stored at a checkpoint) cannot occur, as all values are data.
// `origin: 'spec'` are the specification's own (system.md, section 3); `ours` are Granary's.

export interface DiagnosticSpec {
  readonly severity: 'error' | 'warning';
  readonly origin: 'spec' | 'ours';
  /** What it means, in a few words. */
  readonly title: string;
}

const spec = (title: string): DiagnosticSpec => ({ severity: 'error', origin: 'spec', title });
const ours = (title: string): DiagnosticSpec => ({ severity: 'error', origin: 'ours', title });
const warning = (title: string): DiagnosticSpec => ({ severity: 'warning', origin: 'ours', title });

export const DIAGNOSTICS = {
  E001: spec('unexpected character'),
  E002: spec('unterminated string'),
  E003: spec('unterminated comment'),
  E004: spec('invalid escape sequence'),
  E005: spec('invalid numeric literal'),
  E006: spec('reserved keyword used as identifier'),
  E007: spec('unknown @ keyword'),
  E008: spec('unterminated interpolation'),
  E100: spec('unexpected token'),
  E101: spec('expected a specific token'),
  E102: spec('expected an expression'),
  E103: spec('expected a type'),
  E104: spec('expected a block'),
  E105: spec('expected an identifier'),
  E106: spec('invalid pattern in a match arm'),
  E107: spec('expected a core declaration'),
  E108: ours('nested too deeply'),
  E109: ours('the arrow form of a block result was removed'),
  E110: ours('a required field is missing'),
  E111: ours('a field that this block does not have'),
  E112: ours('a field is given twice'),
  E113: ours('invalid value of a field'),
  E114: ours('declared where it does not belong'),
  E200: ours('undefined name'),
  E201: ours('duplicate name'),
  E202: ours('unknown type'),
  E203: ours('unknown flow'),
  E204: ours('unknown model role'),
  E205: ours('unknown plugin alias'),
  E206: ours('import not found'),
  E207: ours('import cycle'),
  E208: ours('not exported'),
  E209: ours('unknown memory, reference or config field'),
  E300: ours('type mismatch'),
  E301: ours('wrong arguments'),
  E302: ours('unknown field'),
  E303: ours('unknown method'),
  E304: ours('non-exhaustive match'),
  E305: ours('invalid enum symbol'),
  E306: ours('return type mismatch'),
  E307: ours('write to something read-only'),
  E308: ours('operator does not fit its operands'),
  E309: ours('a path through the flow returns nothing'),
  E310: ours('statement where it is not legal'),
  E311: ours('the value may be null'),
  E312: ours('effect inside a lambda or a pure expression'),
  E400: spec('non-deterministic operation inside @rigid'),
  E401: ours('loop without an upper bound'),
  E402: spec('entity key is not an input of any flow'),
  E403: ours('semantic search needs an embedding model'),
  E404: ours('unreachable block'),
  E405: spec('LLM call inside @rigid'),
  E406: ours('checkpoint inside a parallel branch'),
  E408: ours('invalid schedule'),
  E409: ours('recursion between transformers, evaluators or pipelines'),
  W400: warning('a stateless core declares memory'),
  W401: warning('unused name'),
  W402: warning('unreachable match arm'),
  W403: warning('singleton without max_concurrent'),
  W404: warning('condition is constant'),
} as const satisfies Record<string, DiagnosticSpec>;

export type DiagnosticCode = keyof typeof DIAGNOSTICS;
