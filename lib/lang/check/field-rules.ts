// What may stand in the fields of blocks and declarations (E113, E203, E204). Which fields there are is the parser's
// (E110-E112), but for those of objects. A rule types the value that it looks at.
import type { Span } from '../source/source-text.ts';
import type { Expr, FieldNode } from '../syntax/ast.ts';
import { arrayOf, BOOL, DURATION, DYNAMIC, STRING, unionOf } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Body } from './body.ts';
import { constantOf, wordOf } from './constant.ts';
import { didYouMean } from '../source/nearest.ts';

export type FieldRule = (body: Body, value: Expr, name: string) => void;
export interface FieldRules {
  readonly rules: Readonly<Record<string, FieldRule>>;
  /** Of what is not a block to the parser: unknown, missing and repeated fields are reported here. */
  readonly ownsShape?: boolean;
  readonly required?: readonly string[];
}

/** Gives the fields by name, the first of each. */
export function checkFields(
  body: Body,
  what: string,
  place: Span,
  fields: readonly FieldNode[],
  { rules, ownsShape = false, required = [] }: FieldRules,
): Map<string, FieldNode> {
  const given = new Map<string, FieldNode>();
  for (const field of fields) {
    const { text, span } = field.name;
    const rule = Object.hasOwn(rules, text) ? rules[text] : undefined;
    if (!rule) {
      const hint = didYouMean(text, Object.keys(rules));
      if (ownsShape) body.error('E111', span, `${what} has no field '${text}'`, hint);
      anyValue(body, field.value, text);
    } else if (given.has(text)) {
      if (ownsShape) body.error('E112', span, `field '${text}' is given twice`);
      body.infer(field.value);
    } else {
      given.set(text, field);
      if (field.value.kind !== 'expr_error') rule(body, field.value, text);
    }
  }
  for (const name of required)
    if (!given.has(name)) body.error('E110', place, `${what} needs the field '${name}'`);
  return given;
}

function invalid(body: Body, value: Expr, name: string, must: string, hint?: string): void {
  body.error('E113', value.span, `'${name}' has to be ${must}`, { hint });
}

/** Of a value that is not evaluated as an expression of the flow. */
export function setConstantType(body: Body, value: Expr): void {
  body.program.setType(value, DYNAMIC);
}

// ---- Values of flows ----

export const anyValue: FieldRule = (body, value) => {
  body.infer(value);
};
export const textValue: FieldRule = (body, value) => {
  body.check(value, STRING);
};
export const boolValue: FieldRule = (body, value) => {
  body.check(value, BOOL);
};
export const textListValue: FieldRule = (body, value) => {
  body.check(value, arrayOf(STRING));
};
/** `1h`, `"1h"`. */
export const durationValue: FieldRule = (body, value, name) => {
  body.check(value, unionOf([DURATION, STRING]));
  if (value.kind === 'string' && !DURATION_TEXT.test(value.value))
    invalid(body, value, name, 'a duration', 'such as 30s, 5m, 2h, 1d, 1w');
};
const DURATION_TEXT = /^\d+(ms|s|m|h|d|w)$/;

// ---- Constants ----

export const textConstant: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  if (value.kind !== 'string') invalid(body, value, name, 'a text');
};
export const boolConstant: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  if (value.kind !== 'bool') invalid(body, value, name, 'true or false');
};
export const anyConstant: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  if (constantOf(value) === undefined) invalid(body, value, name, 'known without running anything');
};
export const countConstant: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  if (value.kind !== 'int' || value.value < 1) invalid(body, value, name, 'a positive whole number');
};
/** Retries may be none. */
export const amountConstant: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  const amount = constantOf(value);
  if (typeof amount !== 'number' || amount < 0) invalid(body, value, name, 'a number, not below 0');
};
/** A duration, its text, or milliseconds. */
export const durationConstant: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  const isText = value.kind === 'string' && DURATION_TEXT.test(value.value);
  const isNumber = (value.kind === 'duration' || value.kind === 'int') && value.value >= 0;
  if (!isText && !isNumber) invalid(body, value, name, 'a duration', 'such as 30s, 5m, 2h, 1d, 1w');
};
export const textListConstant: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  const isTexts = value.kind === 'list' && value.items.every((item) => item.kind === 'string');
  if (!isTexts) invalid(body, value, name, 'a list of texts');
};
/** A word that means something to the host, as a symbol or a text. */
export const wordConstant: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  const word = constantOf(value);
  if (typeof word !== 'string' || word === '') invalid(body, value, name, 'a symbol or a text');
};
/** One of a few words, as a symbol or a text. */
export function choice(...words: readonly string[]): FieldRule {
  return (body, value, name) => {
    setConstantType(body, value);
    const word = constantOf(value);
    if (typeof word === 'string' && words.includes(word)) return;
    const { hint = `one of ${words.map((known) => `:${known}`).join(', ')}` } =
      typeof word === 'string' ? didYouMean(word, words) : {};
    invalid(body, value, name, 'one of the words that it knows', hint);
  };
}
/** A list of words as `choice` takes them. */
export function choices(...words: readonly string[]): FieldRule {
  const one = choice(...words);
  return (body, value, name) => {
    setConstantType(body, value);
    if (value.kind !== 'list') invalid(body, value, name, `a list, such as [:${words[0] ?? ''}]`);
    else for (const item of value.items) one(body, item, name);
  };
}

// ---- Names ----

/** A role of `@models`: `primary`, `:primary` or `"primary"`. */
export const modelRole: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  const role = wordOf(value);
  if (role === undefined) {
    invalid(body, value, name, 'the name of a model role');
    return;
  }
  const { models, hasCore } = body.program.tables;
  if (value.kind === 'ref') body.program.setResolution(value, { kind: 'model', role });
  if (hasCore && !models.has(role))
    body.error('E204', value.span, `there is no model '${role}'`, didYouMean(role, models.keys()));
};

/** A flow, by name or as a text. */
export const flowName: FieldRule = (body, value, name) => {
  setConstantType(body, value);
  const written = wordOf(value);
  if (written === undefined) {
    invalid(body, value, name, 'the name of a flow');
    return;
  }
  const declaration = body.scope.names.get(written);
  if (declaration?.kind === 'callable' && declaration.node.kind === 'flow') {
    body.program.usedDeclarations.add(declaration);
    body.program.setResolution(value, { kind: 'callable', name: declaration.name });
  } else if (!body.scope.missingNames.has(written)) {
    const isOther = declaration?.kind === 'callable';
    const message = isOther
      ? `'${written}' is a ${declaration.node.kind}, not a flow`
      : `there is no flow '${written}'`;
    body.error('E203', value.span, message, didYouMean(written, flowNames(body)));
  }
};

function* flowNames(body: Body): Generator<string> {
  for (const [name, declaration] of body.scope.names)
    if (declaration.kind === 'callable' && declaration.node.kind === 'flow') yield name;
}

// ---- Objects ----

/** `{ a = … b = … }` under rules of its own. */
export function objectRule(what: string, rules: FieldRules): FieldRule {
  return (body, value, name) => {
    if (value.kind === 'object') {
      checkFields(body, what, value.span, value.fields, { ...rules, ownsShape: true });
      setConstantType(body, value);
      return;
    }
    const type = body.infer(value);
    invalid(body, value, name, `an object, found ${printType(type)}`);
  };
}

export function listRule(rule: FieldRule): FieldRule {
  return (body, value, name) => {
    setConstantType(body, value);
    if (value.kind !== 'list') invalid(body, value, name, 'a list');
    else for (const item of value.items) rule(body, item, name);
  };
}

export const LIMITS: FieldRules = {
  rules: {
    max_duration: durationConstant,
    max_retries: amountConstant,
    max_tokens: countConstant,
    max_llm_calls: amountConstant,
    max_cost: amountConstant,
  },
};

export const CONSTRAINTS = { never: textListConstant, always: textListConstant, prefer: textListConstant };
