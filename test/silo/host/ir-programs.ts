// Programs as the compiler would make them, written out: what is tested here is their host, not the language.
import type {
  IRBlock,
  IRExpr,
  IRFlow,
  IRModule,
  IRStmt,
  IRType,
  JsonValue,
} from '../../../lib/lang/index.ts';

export const INT: IRType = { kind: 'primitive', name: 'int' };
export const STRING: IRType = { kind: 'primitive', name: 'string' };
export const ANY: IRType = { kind: 'dynamic' };

export const literal = (value: JsonValue): IRExpr => ({ kind: 'literal', value });
export const ref = (name: string): IRExpr => ({ kind: 'ref', name });
export const plus = (left: IRExpr, right: IRExpr, operands: 'int' | 'string' = 'int'): IRExpr => ({
  kind: 'binary',
  op: '+',
  operands,
  left,
  right,
});
export const object = (fields: Readonly<Record<string, IRExpr>>): IRExpr => ({
  kind: 'object',
  fields: Object.entries(fields).map(([name, value]) => ({ name, value })),
});

export const assign = (name: string, value: IRExpr): IRStmt => ({ kind: 'assign', target: { name }, value });
export const give = (value: IRExpr): IRStmt => ({ kind: 'return', value });
export const memory = (
  op: Extract<IRStmt, { kind: 'memory_op' }>['op'],
  field: string,
  args: readonly IRExpr[] = [],
  result_binding?: string,
): IRStmt => ({
  kind: 'memory_op',
  op,
  field,
  args,
  ...(result_binding === undefined ? {} : { result_binding }),
});
export const emit = (event: string, fields: Readonly<Record<string, IRExpr>>): IRStmt => ({
  kind: 'emit',
  event,
  fields,
});
export const fail = (message: string): IRStmt => ({
  kind: 'expression',
  expression: { kind: 'call', function: 'fail', args: [literal(message)] },
});

export const rigid = (...statements: readonly IRStmt[]): IRBlock => ({
  kind: 'rigid',
  implicit: true,
  statements,
});

export const checkpoint = (
  result_binding: string,
  more: Partial<Extract<IRBlock, { kind: 'checkpoint' }>> = {},
): IRBlock => ({
  kind: 'checkpoint',
  checkpoint_type: 'approval',
  prompt: literal('Send it?'),
  present: object({ prompt: literal('Send it?'), payload: literal({ size: 3 }) }),
  options: literal(['send', 'drop']),
  result_binding,
  ...more,
});

export const coreCall = (
  target: string,
  more: Partial<Extract<IRBlock, { kind: 'core_call' }>> = {},
): IRBlock => ({ kind: 'core_call', target, input_bindings: {}, is_async: false, ...more });

export function flow(
  name: string,
  params: Readonly<Record<string, IRType>>,
  body: readonly IRBlock[],
  return_type: IRType = ANY,
): IRFlow {
  return {
    name,
    role: 'flow',
    params: Object.entries(params).map(([param, type]) => ({ name: param, type })),
    return_type,
    body,
  };
}

export function program(given: Partial<IRModule> & Pick<IRModule, 'name' | 'flows'>): IRModule {
  return {
    schema_version: '0.1.0',
    version: '1.0.0',
    instance: { mode: 'stateless' },
    types: {},
    config: [],
    memory: {},
    reference: {},
    models: {},
    plugins: [],
    triggers: [],
    subscriptions: [],
    functions: [],
    internal_flows: [],
    ...given,
  };
}
