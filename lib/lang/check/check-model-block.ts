// `@flexible`, `@guarded`, `@model_call`: what a model is asked, under which conditions, and what comes of failures.
import type { Span } from '../source/source-text.ts';
import type { Expr, FailureRule, FieldNode, ModelBlock } from '../syntax/ast.ts';
import { BOOL, DYNAMIC } from '../types/construct.ts';
import type { Type } from '../types/type.ts';
import type { Binding, Body } from './body.ts';
import { EFFECT } from './effects.ts';
import {
  anyValue,
  boolConstant,
  checkFields,
  choice,
  CONSTRAINTS,
  countConstant,
  type FieldRules,
  LIMITS,
  listRule,
  modelRole,
  objectRule,
  textConstant,
  textValue,
} from './field-rules.ts';
import { didYouMean } from './nearest.ts';

export const MODALITIES = [
  'text',
  'structured_output',
  'vision',
  'tts',
  'stt',
  'embedding',
  'image_generation',
  'audio_generation',
] as const;

const TEXT_FIELDS: FieldRules = {
  rules: {
    goal: textValue,
    input: anyValue,
    context: anyValue,
    llm: modelRole,
    guidance: textValue,
    identity: anyValue,
    constraints: objectRule("'constraints'", { rules: { ...CONSTRAINTS, inherit: boolConstant } }),
    examples: listRule(
      objectRule('an example', {
        rules: { input: anyValue, output: anyValue },
        required: ['input', 'output'],
      }),
    ),
  },
  required: ['goal'],
};
const CALL_FIELDS: FieldRules = {
  rules: { modality: choice(...MODALITIES), llm: modelRole, input: anyValue, params: anyValue },
  required: ['modality', 'input'],
};
const FAILURES = ['low_confidence', 'constraint_violation', 'parse_error', 'refusal', 'hallucination'];
const ACTIONS = ['retry', 'escalate', 'flag_and_checkpoint'];

export function checkModelBlock(body: Body, block: ModelBlock): Type {
  const keyword = `@${block.kind}`;
  const place = { start: block.span.start, end: block.span.start + keyword.length };
  body.effect(EFFECT.model, block.span, keyword);
  const rules = block.kind === 'model_call' ? CALL_FIELDS : TEXT_FIELDS;
  const fields = checkFields(body, keyword, blockPlace(block, place), block.fields, rules);
  const output = block.output ? body.program.resolveType(block.output, body.scope) : DYNAMIC;
  const at = blockPlace(block, place);
  if (!block.output) body.error('E110', at, `${keyword} needs the field 'output'`);
  if (block.kind !== 'model_call' && !fields.has('input') && !fields.has('context'))
    body.error('E110', at, `${keyword} needs 'input' or 'context'`);
  checkDefaultRole(body, fields, at);
  const examples = fields.get('examples');
  if (examples) checkExamples(body, examples.value, output);
  if (block.budget) checkFields(body, '@budget', at, block.budget, LIMITS);
  for (const rule of block.on_failure ?? []) checkFailureRule(body, rule);
  checkConditions(body, block, fields.get('input'), output);
  return withFailureBody(body, block, output);
}

/** The block's span may begin with its binding. */
function blockPlace(block: ModelBlock, place: Span): Span {
  return block.binding ? block.binding.span : place;
}

function checkDefaultRole(body: Body, fields: ReadonlyMap<string, FieldNode>, at: Span): void {
  const { hasCore, models } = body.program.tables;
  if (!fields.has('llm') && hasCore && models.size === 0)
    body.error('E204', at, 'the core has no model', {
      hint: 'declare one: @models { primary = { model = "…" } }',
    });
}

/** What the model is shown as an answer has to be one. */
function checkExamples(body: Body, examples: Expr, output: Type): void {
  if (examples.kind !== 'list') return;
  for (const example of examples.items) {
    if (example.kind !== 'object') continue;
    const shown = example.fields.find(({ name }) => name.text === 'output');
    if (shown) body.check(shown.value, output);
  }
}

function checkFailureRule(body: Body, rule: FailureRule): void {
  const { text, span } = rule.failure;
  if (!FAILURES.includes(text))
    body.error('E113', span, `there is no class of failures '${text}'`, didYouMean(text, FAILURES));
  for (const { name, args, span: actionSpan } of rule.actions) {
    const isRetry = name.text === 'retry';
    if (!ACTIONS.includes(name.text)) {
      const hint = didYouMean(name.text, ACTIONS);
      body.error('E113', name.span, `there is no action '${name.text}'`, hint);
    }
    if (!isRetry) {
      for (const { value } of args) body.infer(value);
      const [first] = args;
      if (first && ACTIONS.includes(name.text))
        body.error('E301', first.value.span, `'${name.text}' takes no arguments`);
      continue;
    }
    const fields = args.map(({ name: given, value }, index): FieldNode => {
      const implied = { text: index === 0 ? 'max' : 'with', span: value.span };
      return { kind: 'field', span: value.span, name: given ?? implied, value };
    });
    checkFields(body, "'retry'", actionSpan, fields, { rules: { max: countConstant, with: textConstant } });
  }
}

function checkConditions(body: Body, block: ModelBlock, input: FieldNode | undefined, output: Type): void {
  const nameAt = (text: string, span: Span): Binding['name'] => ({ text, span });
  const inputType = input ? body.program.typeOf(input.value) : DYNAMIC;
  const before: Binding[] = [{ name: nameAt('input', block.span), type: inputType, kind: 'pseudo' }];
  checkAll(body, block.guard ?? [], before, "'guard'");
  const after: Binding[] = [
    ...before,
    { name: nameAt('output', block.span), type: output, kind: 'pseudo' },
    { name: nameAt('result', block.span), type: output, kind: 'pseudo' },
  ];
  checkAll(body, block.validate ?? [], after, "'validate'");
}

function checkAll(body: Body, conditions: readonly Expr[], names: readonly Binding[], place: string): void {
  if (conditions.length === 0) return;
  body.inPurePlace(place, () =>
    body.withBindings(names, () => {
      for (const condition of conditions) body.check(condition, BOOL, 'E308');
    }),
  );
}

/** If the body for failures goes on, its value stands for the answer. */
function withFailureBody(body: Body, block: ModelBlock, output: Type): Type {
  const { on_validation_failure: failure } = block;
  if (!failure) return output;
  let value: Type = output;
  const failed = body.branch(() => {
    value = body.program.table.join(output, body.statements(failure));
  });
  body.merge([failed, body.branch(() => undefined)]);
  return value;
}
