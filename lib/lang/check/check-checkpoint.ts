// `@checkpoint`: its fields, and what a decision can be.
import type { BlockStmt, FieldNode } from '../syntax/ast.ts';
import { DYNAMIC, unionOf } from '../types/construct.ts';
import type { Type } from '../types/type.ts';
import type { Body } from './body.ts';
import { checkArms } from './check-match.ts';
import { EFFECT } from './effects.ts';
import { anyValue, checkFields, durationValue, textListValue, textValue } from './field-rules.ts';
import { keywordSpan } from './keyword-span.ts';
import { didYouMean } from '../source/nearest.ts';

type CheckpointBlock = BlockStmt & { readonly kind: 'checkpoint' };

const FIELDS = {
  rules: {
    present: anyValue,
    options: textListValue,
    timeout: durationValue,
    on_timeout: textOrSymbol,
    hitl_target: anyValue,
    assignee: textValue,
    priority: anyValue,
  },
};
const KINDS = ['approval', 'hitl_review', 'choice', 'freeform', 'debug_breakpoint'];
/** What `on_timeout` can be besides an option. */
const TIMEOUT_ACTIONS = ['approve', 'reject', 'escalate', 'cancel', 'fail'];

function textOrSymbol(body: Body, value: FieldNode['value']): void {
  if (value.kind === 'symbol') body.infer(value);
  else textValue(body, value, '');
}

export function checkCheckpoint(body: Body, block: CheckpointBlock): Type {
  body.effect(EFFECT.checkpoint, block.span, '@checkpoint');
  const { checkpoint } = block;
  if (checkpoint && !KINDS.includes(checkpoint.text)) {
    const near = didYouMean(checkpoint.text, KINDS);
    const hint = near.hint === undefined ? { hint: `there are ${KINDS.join(', ')}` } : near;
    body.error('E113', checkpoint.span, `there is no kind of checkpoint '${checkpoint.text}'`, hint);
  }
  const fields = checkFields(body, '@checkpoint', block.span, block.fields, FIELDS);
  // Others may have written it when somebody has answered.
  body.forgetMemory();
  const options = constantOptions(fields.get('options'));
  checkTimeoutAction(body, fields.get('on_timeout'), options);
  const decision = options ? unionOf(options.map((value) => ({ kind: 'literal', value }))) : DYNAMIC;
  if (!block.arms) return decision;
  const span = checkpoint?.span ?? keywordSpan(body, block, '@checkpoint');
  return checkArms(body, { type: decision, span }, block.arms);
}

function constantOptions(field: FieldNode | undefined): readonly string[] | undefined {
  if (field?.value.kind !== 'list' || field.value.items.length === 0) return undefined;
  const options: string[] = [];
  for (const item of field.value.items) {
    if (item.kind !== 'string') return undefined;
    options.push(item.value);
  }
  return options;
}

function checkTimeoutAction(
  body: Body,
  field: FieldNode | undefined,
  options: readonly string[] | undefined,
): void {
  const { value } = field ?? {};
  const word = value?.kind === 'string' ? value.value : value?.kind === 'symbol' ? value.name : undefined;
  const known = [...(options ?? []), ...TIMEOUT_ACTIONS];
  if (!value || word === undefined || known.includes(word)) return;
  const hint = `one of ${known.map((each) => `"${each}"`).join(', ')}`;
  body.error('E113', value.span, "'on_timeout' has to be an option or something to do", { hint });
}
