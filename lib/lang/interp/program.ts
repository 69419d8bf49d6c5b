// A module made ready to run: its flows compiled once, and what executions ask of their program. Shared by all engines of
// the module, whatever environment they run in.
import type { IRFlow, IRModel, IRModule, IRType, JsonValue } from '../ir/ir.ts';
import { hash53 } from '../../base/hash.ts';
import { syncFlows } from './analysis.ts';
import { emitBlock } from './compile-block.ts';
import { emitBlocks } from './compile-body.ts';
import { compileEx, type SyncCall } from './compile-expr.ts';
import { emitStmts } from './compile-stmt.ts';
import { syncBlocks } from './compile-sync.ts';
import { RETURN, type Run } from './sync-code.ts';
import { growingNames } from './growing.ts';
import { Emitter } from './emitter.ts';
import { ScaiCoreError } from './errors.ts';
import { DEPTH_MAX, type ExecutionProgram } from './execution.ts';
import { FlowContext, type FlowLookup } from './flow-context.ts';
import type { CompiledFlow } from './frame.ts';
import type { MemoryAddress } from './host-environment.ts';
import { bindArgs, returnFrom, stackError } from './machine.ts';
import type { Slots } from './values.ts';

const PASSES = { block: emitBlock, statements: emitStmts };
const EMPTY_LIST: JsonValue = Object.freeze([]);
const EMPTY_MAP: JsonValue = Object.freeze({});

export class Program implements FlowLookup, ExecutionProgram {
  readonly module: IRModule;
  readonly hasTelemetry: boolean;
  readonly core: string;
  readonly syncFlows: ReadonlySet<string>;
  readonly identity: JsonValue;
  readonly configParams: ExecutionProgram['configParams'];
  readonly models: ReadonlyMap<string, IRModel>;
  readonly embeddingRole: string | undefined;
  readonly #sources: ReadonlyMap<string, IRFlow>;
  readonly #compiled = new Map<string, CompiledFlow>();
  readonly #hashes = new Map<string, string>();

  constructor(module: IRModule, hasTelemetry: boolean) {
    this.module = module;
    this.hasTelemetry = hasTelemetry;
    this.core = module.name;
    this.identity = (module.identity ?? {}) as JsonValue;
    this.configParams = new Map(module.config.map((param) => [param.name, param]));
    this.models = new Map(Object.entries(module.models));
    this.embeddingRole = [...this.models].find(([, { modalities }]) => modalities.includes('embedding'))?.[0];
    this.#sources = new Map([...module.flows, ...module.functions].map((flow) => [flow.name, flow]));
    this.syncFlows = syncFlows(module);
  }

  /** @throws LoadError for IR that cannot be compiled */
  compileAll(): void {
    for (const name of this.#sources.keys()) this.flow(name);
  }

  source(name: string): IRFlow | undefined {
    return this.#sources.get(name);
  }

  flow(name: string): CompiledFlow {
    const known = this.#compiled.get(name);
    if (known) return known;
    const source = this.#sources.get(name);
    if (!source) throw new ScaiCoreError('FlowNotFoundError', `there is no flow '${name}'`, { flow: name });
    const compiled = compileFlow(source, this);
    this.#compiled.set(name, compiled);
    return compiled;
  }

  syncCall(name: string): SyncCall {
    const { call } = this.flow(name);
    if (call) return call;
    throw new ScaiCoreError('LoadError', `flow '${name}' may wait: it cannot be called in an expression`);
  }

  /** Of what decides whether a checkpoint still fits: the names and the body, wherever they stood in the source. */
  flowHash(name: string): string | undefined {
    const known = this.#hashes.get(name);
    const source = this.#sources.get(name);
    if (known !== undefined || !source) return known;
    const text = canonical({ params: source.params.map((param) => param.name), body: source.body });
    const hash = hash53(text).toString(36) + hash53(text, 1).toString(36);
    this.#hashes.set(name, hash);
    return hash;
  }

  memoryKind(field: string): MemoryAddress['kind'] {
    return this.#kindOf(ownType(this.module.memory, field));
  }

  emptyOf(part: 'memory' | 'reference', field: string): JsonValue {
    const kind = this.#kindOf(ownType(this.module[part], field));
    return kind === 'list' ? EMPTY_LIST : kind === 'map' ? EMPTY_MAP : null;
  }

  #kindOf(type: IRType | undefined): MemoryAddress['kind'] {
    // Names may lead in a circle in IR that nobody checked.
    let at = type;
    for (let turn = 0; at?.kind === 'named' && turn < 100; turn += 1)
      at = ownType(this.module.types, at.name);
    return at?.kind === 'map' ? 'map' : at?.kind === 'array' ? 'list' : 'value';
  }
}

function ownType(types: Readonly<Record<string, IRType>>, name: string): IRType | undefined {
  return Object.hasOwn(types, name) ? types[name] : undefined;
}

/** JSON with the keys in order and without places in the source. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const parts = Object.entries(value)
    .filter(([name, item]) => name !== 'source_location' && item !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`);
  return `{${parts.join(',')}}`;
}

function compileFlow(ir: IRFlow, program: Program): CompiledFlow {
  const context = new FlowContext(program);
  const { names } = context;
  for (const name of growingNames(ir.body)) names.own(name);
  const params = ir.params.map(({ name, default: initial }) => ({
    initial: initial && compileEx(initial, context),
    slot: names.slotOf(name),
  }));
  const blank: Slots = [];
  const isSync = program.syncFlows.has(ir.name);
  const out = new Emitter(PASSES);
  const run = isSync ? syncBlocks(ir.body, context).run : undefined;
  if (!isSync) {
    emitBlocks(out, ir.body, [], context);
    out.emit(() => (frame, task) => returnFrom(frame, task, null));
  }
  // Now all slots are known. Pushed one by one, so that the engine below sees a list without holes.
  for (let slot = 0; slot < names.count; slot += 1) blank.push(null);
  const { code, regionAt, resumeAt, pathAt } = out;
  const flow: CompiledFlow = {
    ir,
    blank,
    params,
    names: new Map(names.entries()),
    owners: names.owners,
    run,
    call: undefined,
    code,
    regionAt,
    resumeAt,
    pathAt,
  };
  return run ? { ...flow, call: syncCallOf(flow, run) } : flow;
}

/** Catches restore the depth where they stand, so that a call need not do it when it fails. */
function syncCallOf(flow: CompiledFlow, run: Run): SyncCall {
  return (execution, args) => {
    if (execution.depth >= DEPTH_MAX) throw stackError();
    execution.fuel -= 1;
    if (execution.fuel < execution.checkAt) execution.look();
    execution.depth += 1;
    const ended = run(bindArgs(flow, execution, args));
    execution.depth -= 1;
    return ended === RETURN ? execution.returned : null;
  };
}
