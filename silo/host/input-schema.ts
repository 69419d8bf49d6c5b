// What a flow takes, as the gateways tell it: a Standard Schema with a JSON Schema for the documents.
// The values themselves are checked by the engine, which knows defaults and fills in what is absent; here only that the
// input is an object, so that the check is made once.
import type { SchemaIssue, StandardSchema } from '../../lib/index.ts';
import { SUSPENDED_SCHEMA } from './suspended-reply.ts';
import {
  type IRFlow,
  type IRModule,
  isOptionalParam,
  jsonSchemaOf,
  type JsonSchemaOptions,
  type JsonValue,
} from '../../lib/lang/index.ts';

export type FlowInput = Readonly<Record<string, JsonValue>>;

const NO_INPUT: FlowInput = Object.freeze({});
const NOT_AN_OBJECT: { readonly issues: readonly SchemaIssue[] } = {
  issues: [{ message: 'the input of a flow is an object, with the parameters by name' }],
};

export function inputSchemaOf(flow: IRFlow, module: IRModule): StandardSchema<FlowInput> {
  const defs: Defs = {};
  const properties = flow.params.map(({ name, type }) => [name, jsonSchemaOf(type, module.types, { defs })]);
  const json: JsonValue = {
    type: 'object',
    properties: Object.fromEntries(properties) as JsonValue,
    required: flow.params.filter((param) => !isOptionalParam(param, module.types)).map(({ name }) => name),
  };
  return objectSchema(withDefs(json, defs));
}

export function outputSchemaOf(flow: IRFlow, module: IRModule, maySuspend: boolean): StandardSchema {
  const defs: Defs = {};
  const output = jsonSchemaOf(flow.return_type, module.types, { defs });
  const json = maySuspend ? { anyOf: [output, SUSPENDED_SCHEMA] } : output;
  return described(withDefs(json, defs), (value) => ({ value }));
}

type Defs = NonNullable<JsonSchemaOptions['defs']>;

/** References of a schema lead to its root, so that is where the definitions are. */
function withDefs(json: Readonly<Record<string, JsonValue>>, defs: Defs): JsonValue {
  return Object.keys(defs).length === 0 ? json : { ...json, $defs: defs };
}

/** Of flows of the runtime, whose inputs are few and checked where they are used. */
export function objectSchema(json: JsonValue): StandardSchema<FlowInput> {
  return described(json, (value) => {
    if (value === undefined || value === null) return { value: NO_INPUT };
    if (typeof value !== 'object' || Array.isArray(value)) return NOT_AN_OBJECT;
    return { value: value as FlowInput };
  });
}

function described<T>(
  json: JsonValue,
  validate: StandardSchema<T>['~standard']['validate'],
): StandardSchema<T> {
  return {
    '~standard': { version: 1, vendor: 'scaicore', validate, jsonSchema: { input: () => json } },
  } as StandardSchema<T>;
}
