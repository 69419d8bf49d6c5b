// `@flexible`, `@guarded`, `@model_call`.
import { constantOf } from '../check/constant.ts';
import type { Argument, Expr, FailureRule, FieldNode, ModelBlock, Stmt } from '../syntax/ast.ts';
import type {
  FailureClass,
  IRBindings,
  IRBlock,
  IRConstraints,
  IRExpr,
  IRFailureRule,
  IRLimits,
  IRModelBlock,
  IRStmt,
} from './ir.ts';
import {
  constantField,
  constantFields,
  durationMs,
  fieldNamed,
  irType,
  literal,
  type LoweringBody,
  wordIn,
} from './lower-context.ts';
import { lowerBindings, lowerPure, lowerValue } from './lower-expr.ts';

export function lowerModelBlock(
  body: LoweringBody,
  block: ModelBlock,
  out: IRStmt[],
  lowerBlocks: (stmts: readonly Stmt[]) => readonly IRBlock[],
): IRBlock {
  const { fields } = block;
  const role = wordIn(fieldNamed(fields, 'llm') ?? fieldNamed(fields, 'model')) ?? null;
  const input = bindingsOf(body, fieldNamed(fields, 'input'), 'input', out);
  const output_type = block.output ? irType(body.program.checked.typeOfNode(block.output)) : DYNAMIC;
  const isValue = input.isValue && { input_is_value: true };
  if (block.kind === 'model_call')
    return {
      kind: 'model_call',
      modality: wordIn(fieldNamed(fields, 'modality')) ?? 'text',
      llm_role: role,
      input_bindings: input.bindings,
      ...isValue,
      params: bindingsOf(body, fieldNamed(fields, 'params'), 'params', out).bindings,
      output_type,
    };
  const goal = fieldNamed(fields, 'goal');
  return {
    kind: block.kind,
    goal: goal ? lowerValue(body, goal, out) : literal(''),
    output_type,
    llm_role: role,
    input_bindings: input.bindings,
    ...isValue,
    context_bindings: bindingsOf(body, fieldNamed(fields, 'context'), 'context', out).bindings,
    ...optionalParts(body, block, out),
    ...(block.guard && { guard: block.guard.map((each) => lowerPure(body, each)) }),
    ...(block.validate && { validate: block.validate.map((each) => lowerPure(body, each)) }),
    ...(block.on_validation_failure && { on_validation_failure: lowerBlocks(block.on_validation_failure) }),
  };
}

const DYNAMIC = { kind: 'dynamic' } as const;

type OptionalParts = Pick<
  IRModelBlock,
  'guidance' | 'identity_ref' | 'constraints' | 'examples' | 'on_failure' | 'budget'
>;

function optionalParts(body: LoweringBody, block: ModelBlock, out: IRStmt[]): OptionalParts {
  const { fields } = block;
  const guidance = fieldNamed(fields, 'guidance');
  const identity = fieldNamed(fields, 'identity');
  const constraints = fieldNamed(fields, 'constraints');
  const examples = fieldNamed(fields, 'examples');
  return {
    ...(guidance && { guidance: lowerValue(body, guidance, out) }),
    ...(identity && { identity_ref: lowerValue(body, identity, out) }),
    ...(constraints?.kind === 'object' && {
      constraints: constantFields(constraints.fields) as IRConstraints & { readonly inherit?: boolean },
    }),
    ...(examples?.kind === 'list' && {
      examples: examples.items.flatMap((example) => exampleOf(body, example, out)),
    }),
    ...(block.on_failure && { on_failure: block.on_failure.map(failureRule) }),
    ...(block.budget && { budget: limitsOf(block.budget) }),
  };
}

function exampleOf(
  body: LoweringBody,
  example: Expr,
  out: IRStmt[],
): readonly { readonly input: IRExpr; readonly output: IRExpr }[] {
  if (example.kind !== 'object') return [];
  const [input, output] = [fieldNamed(example.fields, 'input'), fieldNamed(example.fields, 'output')];
  if (!input || !output) return [];
  return [{ input: lowerValue(body, input, out), output: lowerValue(body, output, out) }];
}

/** An object gives a binding for each of its fields, anything else is one binding. */
function bindingsOf(
  body: LoweringBody,
  value: Expr | undefined,
  name: string,
  out: IRStmt[],
): { readonly bindings: IRBindings; readonly isValue: boolean } {
  if (!value) return { bindings: {}, isValue: false };
  if (value.kind === 'object') return { bindings: lowerBindings(body, value.fields, out), isValue: false };
  return { bindings: { [name]: lowerValue(body, value, out) }, isValue: true };
}

function failureRule({ failure, actions }: FailureRule): IRFailureRule {
  return {
    failure: failure.text as FailureClass,
    actions: actions.map(({ name, args }) => {
      if (name.text !== 'retry')
        return { kind: name.text === 'escalate' ? ('escalate' as const) : ('flag_and_checkpoint' as const) };
      const max = argument(args, 'max', 0);
      const note = argument(args, 'with', 1);
      return {
        kind: 'retry' as const,
        max: typeof max === 'number' ? max : 1,
        ...(typeof note === 'string' && { note }),
      };
    }),
  };
}

function argument(args: readonly Argument[], name: string, position: number): unknown {
  const given = args.find((arg, index) => (arg.name ? arg.name.text === name : index === position));
  return given && constantOf(given.value);
}

export function limitsOf(fields: readonly FieldNode[]): IRLimits {
  const duration = durationMs(constantField(fields, 'max_duration'));
  const limits: Record<string, number> = {};
  for (const name of ['max_retries', 'max_tokens', 'max_llm_calls', 'max_cost']) {
    const value = constantField(fields, name);
    if (typeof value === 'number') limits[name] = value;
  }
  return { ...(duration !== undefined && { max_duration_ms: duration }), ...limits };
}
