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
import { keywordSpan } from './keyword-span.ts';

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
};
const CALL_FIELDS: FieldRules = {
  rules: { modality: choice(...MODALITIES), llm: modelRole, input: anyValue, params: anyValue },
};
const RETRY: FieldRules = { rules: { max: countConstant, with: textConstant }, ownsShape: true };

export function checkModelBlock(body: Body, block: ModelBlock): Type {
  const keyword = `@${block.kind}`;
  body.effect(EFFECT.model, block.span, keyword);
  const rules = block.kind === 'model_call' ? CALL_FIELDS : TEXT_FIELDS;
  const fields = checkFields(body, keyword, block.span, block.fields, rules);
  const output = block.output ? body.program.resolveType(block.output, body.scope) : DYNAMIC;
  checkDefaultRole(body, block, fields);
  const examples = fields.get('examples');
  if (examples) checkExamples(body, examples.value, output);
  if (block.budget) checkFields(body, '@budget', block.span, block.budget, LIMITS);
  for (const rule of block.on_failure ?? []) checkFailureRule(body, rule);
  checkConditions(body, block, fields.get('input'), output);
  return withFailureBody(body, block, output);
}

function checkDefaultRole(body: Body, block: ModelBlock, fields: ReadonlyMap<string, FieldNode>): void {
  const { hasCore, models } = body.program.tables;
  if (fields.has('llm') || !hasCore || models.size > 0) return;
  const hint = 'declare one: @models { primary = { model = "…" } }';
  body.error('E204', keywordSpan(body, block, `@${block.kind}`), 'the core has no model', { hint });
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

/** Which failures and actions there are is the parser's to say. */
function checkFailureRule(body: Body, rule: FailureRule): void {
  for (const { name, args, span } of rule.actions) {
    if (name.text !== 'retry') {
      for (const { value } of args) body.infer(value);
      const [first] = args;
      if (first) body.error('E301', first.value.span, `'${name.text}' takes no arguments`);
      continue;
    }
    const fields = args.map(({ name: given, value }, index): FieldNode => {
      const implied = { text: index === 0 ? 'max' : 'with', span: value.span };
      return { kind: 'field', span: value.span, name: given ?? implied, value };
    });
    checkFields(body, "'retry'", span, fields, RETRY);
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
