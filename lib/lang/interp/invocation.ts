// What an invocation brings: input checked against the parameters, and the partition of memory that it belongs to.
import { readValue } from '../ir/check-value.ts';
import type { IRFlow, IRInstance, IRModule, JsonValue } from '../ir/ir.ts';
import { ScaiCoreError } from './errors.ts';
import type { InvocationRequest } from './host-environment.ts';
import { toText } from './values.ts';

type Input = Readonly<Record<string, JsonValue>>;
const NO_INPUT: Input = Object.freeze({});

export function inputOf(request: InvocationRequest): Input {
  return request.input ?? NO_INPUT;
}

/** Arguments in the order of the parameters; undefined where the default stands in. @throws InvalidInputError */
export function argumentsOf(
  flow: IRFlow,
  request: InvocationRequest,
  module: IRModule,
): readonly (JsonValue | undefined)[] {
  const input = inputOf(request);
  const issues: string[] = [];
  const args = flow.params.map(({ name, type, default: initial }) => {
    const value = Object.hasOwn(input, name) ? input[name] : undefined;
    if (value === undefined && initial !== undefined) return undefined;
    const read = readValue(value ?? null, type, module.types);
    if (read.issues && value === undefined) issues.push(`${name} is missing`);
    else
      for (const { path, message } of read.issues ?? [])
        issues.push(`${[name, ...path].join('.')}: ${message}`);
    return read.value;
  });
  if (isOwnCaller(request)) issues.push(...unknownNames(flow, input, module.instance));
  if (issues.length === 0) return args;
  const message = `the input of '${flow.name}' is not right: ${issues.slice(0, 5).join('; ')}`;
  throw new ScaiCoreError('InvalidInputError', message, { flow: flow.name, issues });
}

/** Events and the like carry what their sender put in; who calls a flow by name can be told of a name that is wrong. */
function isOwnCaller({ trigger }: InvocationRequest): boolean {
  return trigger === undefined || trigger.type === 'API' || trigger.type === 'INTERNAL';
}

function unknownNames(flow: IRFlow, input: Input, instance: IRInstance): readonly string[] {
  const names = Object.keys(input);
  if (names.length === 0) return names;
  const known = new Set(flow.params.map(({ name }) => name));
  return names
    .filter((name) => !known.has(name) && name !== instance.entity_key)
    .map((name) => `${name}: there is no such input`);
}

/** The entity's key; undefined for singletons and stateless Cores. @throws InvalidInputError */
export function instanceKeyOf(instance: IRInstance, request: InvocationRequest): string | undefined {
  if (instance.mode !== 'entity') return undefined;
  if (request.instanceKey !== undefined) return request.instanceKey;
  const { entity_key: name = '' } = instance;
  const input = inputOf(request);
  const key = Object.hasOwn(input, name) ? (input[name] ?? null) : null;
  if (typeof key === 'string' || typeof key === 'number') return toText(key);
  throw new ScaiCoreError('InvalidInputError', `the input needs '${name}', the key of the instance`, {
    issues: [`${name}: the key of the instance is missing`],
  });
}
