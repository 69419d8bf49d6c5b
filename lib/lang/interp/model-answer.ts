// From the text of a model to a value of the type that was asked for, or the class of what went wrong.
import { issueText, readValue } from '../ir/check-value.ts';
import type { FailureClass, IRModule, IRType, JsonValue } from '../ir/ir.ts';
import type { ModelResult } from './host-environment.ts';
import { foreignProblem } from './stdlib/convert.ts';
import { fieldOf, isList, isObject } from './values.ts';

export type Answer =
  | { readonly kind: 'value'; readonly value: JsonValue }
  | { readonly kind: 'failure'; readonly failure: FailureClass; readonly message: string };

/** Where a model may say itself what is wrong with its answer; not part of the value. */
const FLAGS = '_flags';
const CONFIDENCE = '_confidence';
const FLAG_CLASSES: readonly FailureClass[] = [
  'refusal',
  'hallucination',
  'constraint_violation',
  'low_confidence',
];

export function readAnswer(
  result: ModelResult,
  type: IRType,
  types: IRModule['types'],
  minConfidence: number,
): Answer {
  if (result.finish === 'refusal') return failure('refusal', 'the model declined to answer');
  const isText = isTextType(type, types);
  const parsed = isText ? { value: result.text } : parseLoosely(result.text);
  if (!parsed) return unreadable(result, type, types);
  const flag = flagIn(parsed.value);
  if (flag) return failure(flag, `the model flagged its answer: ${flag}`);
  const confidence = result.confidence ?? confidenceIn(parsed.value);
  const read = readValue(withoutReserved(parsed.value), type, types);
  if (read.issues) return failure('parse_error', issueText(read.issues));
  if (confidence !== undefined && confidence < minConfidence)
    return failure('low_confidence', `its confidence is ${confidence}, below ${minConfidence}`);
  return { kind: 'value', value: read.value };
}

function failure(kind: FailureClass, message: string): Answer {
  return { kind: 'failure', failure: kind, message };
}

/** Text without quotes is an answer where the type is one of texts, such as an enum. */
function unreadable(result: ModelResult, type: IRType, types: IRModule['types']): Answer {
  const read = readValue(result.text.trim(), type, types);
  if (!read.issues) return { kind: 'value', value: read.value };
  const why = result.finish === 'length' ? 'it was cut off' : 'it is no JSON';
  return failure('parse_error', why);
}

/** Answered as free text: no schema, no JSON. */
export function isTextType(type: IRType, types: IRModule['types']): boolean {
  let at: IRType | undefined = type;
  for (let turn = 0; at?.kind === 'named' && turn < 100; turn += 1)
    at = Object.hasOwn(types, at.name) ? types[at.name] : undefined;
  return at?.kind === 'primitive' && at.name === 'string';
}

/** JSON as it is, between code fences, or with words around it. */
function parseLoosely(text: string): { readonly value: JsonValue } | undefined {
  const fenced = /```(?:json)?\s*\n?([\s\S]*?)```/i.exec(text)?.[1];
  const candidates = [text, fenced, between(text, '{', '}'), between(text, '[', ']')];
  for (const candidate of candidates) {
    const value = candidate === undefined ? undefined : tryParse(candidate.trim());
    if (value !== undefined && foreignProblem(value) === undefined) return { value };
  }
  return undefined;
}

function between(text: string, open: string, close: string): string | undefined {
  const [from, to] = [text.indexOf(open), text.lastIndexOf(close)];
  return from >= 0 && to > from ? text.slice(from, to + 1) : undefined;
}

function tryParse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // The next candidate may do.
    return undefined;
  }
}

function flagIn(value: JsonValue): FailureClass | undefined {
  if (!isObject(value)) return undefined;
  const flags = fieldOf(value, FLAGS);
  const said = isList(flags)
    ? flags
    : isObject(flags)
      ? Object.keys(flags).filter((name) => flags[name] === true)
      : [flags];
  return FLAG_CLASSES.find((name) => said.includes(name));
}

function confidenceIn(value: JsonValue): number | undefined {
  const found = isObject(value) ? fieldOf(value, CONFIDENCE) : null;
  return typeof found === 'number' ? found : undefined;
}

function withoutReserved(value: JsonValue): JsonValue {
  if (!isObject(value) || !(Object.hasOwn(value, FLAGS) || Object.hasOwn(value, CONFIDENCE))) return value;
  const { [FLAGS]: _flags, [CONFIDENCE]: _confidence, ...rest } = value;
  return rest;
}
