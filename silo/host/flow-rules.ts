// Rules that hold for each flow of a hosted program, and the shape in which `defineCore` takes it. Pure.
import type { GrainError } from '../../lib/index.ts';
import type { FlowFacts, IRFlow, IRModule, IRType } from '../../lib/lang/index.ts';
import { RaisedError } from '../catalog/raised-error.ts';
import { type FlowInput, inputSchemaOf, type objectSchema, outputSchemaOf } from './input-schema.ts';
import { MODEL_TIME_LIMIT_MS, type ProgramParts, TIME_LIMIT_MS } from './program-parts.ts';
import type { Program } from './program-runner.ts';
import type { ProgramContext } from './turn-environment.ts';

export interface RuntimeFlow {
  readonly run: (ctx: ProgramContext, input: FlowInput) => unknown;
  readonly input?: ReturnType<typeof objectSchema>;
  readonly output?: ReturnType<typeof outputSchemaOf>;
  readonly readonly?: boolean;
  readonly timeLimitMs?: number;
  readonly description?: string;
  readonly isInternal?: boolean;
}

/** All of a flow but what it does. */
export function describe(
  { module, parts, traits }: Program,
  flow: IRFlow,
): Pick<RuntimeFlow, 'input' | 'output' | 'timeLimitMs'> {
  const trait = traits.get(flow.name);
  return {
    input: inputSchemaOf(flow, module),
    output: outputSchemaOf(flow, module, trait?.maySuspend === true),
    timeLimitMs: timeLimitOf(parts, trait?.asksModel === true),
  };
}

export function timeLimitOf(parts: ProgramParts, asksModel: boolean): number {
  if (asksModel) return parts.modelTimeLimitMs ?? MODEL_TIME_LIMIT_MS;
  return parts.timeLimitMs ?? TIME_LIMIT_MS;
}

/** Whether a flow of a stateless program needs a grain. */
export function isDurable({ maySuspend, emits, usesMemory }: FlowFacts, isShared: boolean): boolean {
  return maySuspend || emits || (usesMemory && isShared);
}

export function isInternalFlow({ internal_flows }: IRModule, flow: string): boolean {
  return internal_flows.includes(flow);
}

export function internalOnly(flow: string): GrainError {
  const message = `${flow} is internal: only Cores, schedules and events call it`;
  return new RaisedError('ERR_AUTH_FORBIDDEN', { message, flow });
}

// --- entity keys ---------------------------------------------------------------------------------------------------

export interface KeyParam {
  readonly name: string;
  readonly isNumber: boolean;
}

/** The parameter that names the entity: who called it by its key need not say it again. */
export function keyParamOf({ params }: IRFlow, { instance }: IRModule): KeyParam | undefined {
  if (instance.mode !== 'entity') return undefined;
  const param = params.find(({ name }) => name === instance.entity_key);
  return param && { name: param.name, isNumber: isNumber(param.type) };
}

function isNumber(type: IRType): boolean {
  return type.kind === 'primitive' && (type.name === 'int' || type.name === 'float');
}

export function withKey(input: FlowInput, param: KeyParam | undefined, key: string): FlowInput {
  if (!param || Object.hasOwn(input, param.name)) return input;
  return { ...input, [param.name]: param.isNumber ? Number(key) : key };
}
