// `@core_call` and `@await_responses`: calls of other cores, typed where a `@core_interface` says what they take.
import type { BlockStmt, Expr, FieldNode } from '../syntax/ast.ts';
import { arrayOf, DYNAMIC } from '../types/construct.ts';
import { printType } from '../types/print-type.ts';
import type { Type } from '../types/type.ts';
import type { Body } from './body.ts';
import type { CheckedSignature } from './checked.ts';
import { wordOf } from './constant.ts';
import { EFFECT } from './effects.ts';
import {
  anyValue,
  boolConstant,
  checkFields,
  choice,
  durationValue,
  type FieldRule,
  setConstantType,
  textConstant,
} from './field-rules.ts';
import { didYouMean } from '../source/nearest.ts';

type Of<Kind extends BlockStmt['kind']> = BlockStmt & { readonly kind: Kind };

const CORE_URI = /^core:\/\/[^\s]+$/;

/** `"core://t/x"`, or the bare address. */
const coreUri: FieldRule = (body, value) => {
  setConstantType(body, value);
  const uri = value.kind === 'uri' || value.kind === 'string' ? value.value : undefined;
  if (uri === undefined || !CORE_URI.test(uri))
    body.error('E113', value.span, 'a core is named by its address', { hint: 'core://tenant/core' });
};
const foreignFlow: FieldRule = (body, value) => {
  setConstantType(body, value);
  if (wordOf(value) === undefined) body.error('E113', value.span, 'a flow is named by its name');
};
const later: FieldRule = () => undefined;

const CALL_FIELDS = {
  rules: {
    target: coreUri,
    flow: foreignFlow,
    input: later,
    instance_key: anyValue,
    version: textConstant,
    timeout: durationValue,
    is_async: boolConstant,
  },
};

export function checkCoreCall(body: Body, block: Of<'core_call'>): Type {
  body.effect(EFFECT.coreCall, block.span, '@core_call');
  // The other Core may call back.
  body.forgetMemory();
  const fields = checkFields(body, '@core_call', block.span, block.fields, CALL_FIELDS);
  const target = block.target?.text ?? uriOf(fields.get('target'));
  const second = block.target && fields.get('target');
  if (second) body.error('E112', second.name.span, 'the target is given twice');
  const signature = signatureOf(body, target, fields.get('flow'));
  const input = fields.get('input');
  if (input && signature) checkInput(body, input.value, signature);
  else if (input) body.infer(input.value);
  const isAsync = fields.get('is_async')?.value;
  if (isAsync?.kind === 'bool' && isAsync.value) return DYNAMIC;
  return signature?.result ?? DYNAMIC;
}

function uriOf(field: FieldNode | undefined): string | undefined {
  const value = field?.value;
  return value?.kind === 'uri' || value?.kind === 'string' ? value.value : undefined;
}

function signatureOf(
  body: Body,
  target: string | undefined,
  flow: FieldNode | undefined,
): CheckedSignature | undefined {
  const flows = target === undefined ? undefined : body.program.tables.coreInterfaces.get(target);
  const name = flow && wordOf(flow.value);
  if (!flows || !flow || name === undefined) return undefined;
  const signature = flows.get(name);
  if (!signature) {
    const message = `the interface of '${target ?? ''}' has no flow '${name}'`;
    body.error('E203', flow.value.span, message, didYouMean(name, flows.keys()));
  }
  return signature;
}

function checkInput(body: Body, input: Expr, signature: CheckedSignature): void {
  const { table } = body.program;
  const fields = signature.params.map(({ name, type, initial }) => ({
    name,
    type,
    ...((initial !== undefined || table.isNullable(type)) && { is_optional: true }),
  }));
  body.check(input, { kind: 'object', fields });
}

const AWAIT_FIELDS = {
  rules: { from: anyValue, mode: choice('all', 'any'), timeout: durationValue },
};

export function checkAwait(body: Body, block: Of<'await_responses'>): Type {
  body.effect(EFFECT.coreCall, block.span, '@await_responses');
  body.forgetMemory();
  const fields = checkFields(body, '@await_responses', block.span, block.fields, AWAIT_FIELDS);
  const from = fields.get('from')?.value;
  const type = from && body.program.typeOf(from);
  if (from && type && !body.program.table.isAssignable(type, arrayOf(DYNAMIC)))
    body.error('E300', from.span, `expected the value of an async @core_call, found ${printType(type)}`);
  const mode = fields.get('mode')?.value;
  return mode && wordOf(mode) === 'any' ? DYNAMIC : arrayOf(DYNAMIC);
}
