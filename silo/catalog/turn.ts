// Turn: one run of one flow on one activation, from its start to its end.
// Owns: the turn's own buffer of changes (hazards.md 4), its signal, its time limit.
// Does not own: when it may start, what its end does to the activation (activation.ts).
//   T1. Nothing that a turn changes is seen by others before it ends; a turn that throws leaves nothing.
//   T2. A turn that has ended does nothing more: every operation of its ctx throws ERR_TURN_ENDED.
//   T3. A readonly turn stages no change.
import {
  copyValue,
  type ErrorCode,
  type ErrorDetails,
  freezeValue,
  fromUnknown,
  GrainError,
  type MaybePromise,
  type MemoryList,
  type MemoryMap,
  type SchemaIssue,
  WheelNode,
} from '../../lib/index.ts';
import type { CallChain, Envelope } from '../messaging/envelope.ts';
import type {
  Claim,
  CollectionChange,
  EntryScan,
  GrainStorage,
  StoredReminder,
} from '../storage/grain-storage.ts';
import type { Activation } from './activation.ts';
import { type CollectionAccess, TurnList, TurnMap } from './collections.ts';
import type { HostedFlow } from './hosted-flow.ts';
import { handedOut, memoryValue } from './memory-value.ts';
import type { MemoryDraft } from './memory-view.ts';
import { RaisedError } from './raised-error.ts';
import { TurnContext } from './turn-context.ts';

const NO_CHANGES: readonly never[] = Object.freeze([]);

export class Turn extends WheelNode implements MemoryDraft, CollectionAccess {
  readonly activation: Activation;
  readonly envelope: Envelope;
  readonly flow: HostedFlow;
  readonly startMs: number;
  /** 1, or 2 after a conflict with an overlapping turn. */
  readonly attempt: number;
  /** The values that the turn began with; others may have replaced them since. */
  readonly base: readonly unknown[];
  /** The base with this turn's changes; undefined until the first. */
  draft: unknown[] | undefined = undefined;
  changed: number[] | readonly never[] = NO_CHANGES;
  collections: CollectionChange[] | readonly never[] = NO_CHANGES;
  emitted: { readonly event: string; readonly data: unknown }[] | readonly never[] = NO_CHANGES;
  reminders: Map<string, StoredReminder | undefined> | undefined = undefined;
  isForgetting = false;
  /** Collection entries that overlapping turns wrote since this one began, as `field NUL key`. */
  foreignWrites: Set<string> | undefined = undefined;
  #isEnded = false;
  #callCount = 0;
  #raised: GrainError | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #abortReason: GrainError | undefined = undefined;
  #collections: Map<string, TurnMap | TurnList> | undefined = undefined;

  constructor(
    activation: Activation,
    envelope: Envelope,
    flow: HostedFlow,
    startMs: number,
    attempt: number,
  ) {
    super();
    this.activation = activation;
    this.envelope = envelope;
    this.flow = flow;
    this.startMs = startMs;
    this.attempt = attempt;
    this.base = activation.values;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get hasChanges(): boolean {
    const { draft, reminders, collections, emitted, isForgetting } = this;
    return (
      draft !== undefined ||
      collections.length > 0 ||
      emitted.length > 0 ||
      reminders !== undefined ||
      isForgetting
    );
  }

  /** Validates the input and calls the flow. The result may be a promise. @throws whatever the flow throws */
  execute(): unknown {
    const { definition } = this.flow;
    const { kind, input: sent } = this.envelope;
    // A flow may change its input. Where the same input may be run again, by us or by its sender, it gets a copy.
    const isSentOnce = kind === 'call' && !this.activation.host.isOverlapping;
    const input = isSentOnce ? sent : copyValue(sent);
    if (!definition.input) return definition.run(new TurnContext(this) as never, input as never);
    const checked = definition.input['~standard'].validate(input);
    return checked instanceof Promise
      ? checked.then((result) => this.#runChecked(result))
      : this.#runChecked(checked);
  }

  #runChecked(
    result:
      { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] },
  ): unknown {
    if (result.issues)
      this.raise('ERR_INPUT_INVALID', {
        flow: this.flow.name,
        issues: result.issues.slice(0, 20).map(describeIssue),
      });
    return this.flow.definition.run(new TurnContext(this) as never, result.value as never);
  }

  /** What the flow returned, copied and checked. May be a promise when the output schema is asynchronous. */
  checkOutput(output: unknown): MaybePromise<unknown> {
    const schema = this.flow.definition.output;
    if (!schema) return this.#copyOutput(output);
    const checked = schema['~standard'].validate(output);
    if (checked instanceof Promise) return checked.then((result) => this.#checkedOutput(result));
    return this.#checkedOutput(checked);
  }

  #checkedOutput(
    result:
      { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] },
  ): unknown {
    if (!result.issues) return this.#copyOutput(result.value);
    return this.raise('ERR_OUTPUT_INVALID', {
      flow: this.flow.name,
      issues: result.issues.slice(0, 20).map(describeIssue),
    });
  }

  #copyOutput(output: unknown): unknown {
    try {
      return copyValue(output);
    } catch (cause) {
      return this.raise('ERR_OUTPUT_INVALID', {
        message: `result of ${this.flow.name}: ${read(cause).details.message}`,
      });
    }
  }

  /** Throws an error of ours from inside the flow, so that its code reaches the caller as it is. */
  raise(code: ErrorCode, details: ErrorDetails = {}): never {
    this.#raised = new GrainError(code, details);
    throw this.#raised;
  }

  /** What the caller is told of something that the flow threw. */
  failureOf(thrown: unknown): GrainError {
    if (thrown !== undefined && thrown === this.#raised) return this.#raised;
    if (thrown instanceof RaisedError) return thrown;
    const { details, isWhole } = read(thrown);
    // Not kept when it is large or cannot be read: a thousand refusals may wait for their commit.
    const options = isWhole ? { cause: thrown } : {};
    return new GrainError('ERR_FLOW_FAILED', { flow: this.flow.name, ...details }, options);
  }

  /** Ends the turn: from here on its ctx does nothing more (T2). */
  end(): void {
    this.#isEnded = true;
    this.envelope.abandoned = undefined;
  }

  /** Tells the flow, through its signal, that nobody waits any more or that it has run too long. */
  abort(reason: GrainError): void {
    this.#abortReason ??= reason;
    this.#controller?.abort(reason);
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortReason) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  /** The time limit passed (called by the wheel). */
  override onDue(): void {
    this.activation.giveUp(this);
  }

  /** @throws ERR_TURN_ENDED */
  checkRunning(): void {
    if (!this.#isEnded) return;
    throw new GrainError('ERR_TURN_ENDED', { flow: this.flow.name }, { cause: this.#abortReason });
  }

  checkWritable(): void {
    this.checkRunning();
    if (this.flow.isReadonly) this.raise('ERR_MEMORY_READONLY', { flow: this.flow.name });
  }

  readValue(position: number): unknown {
    this.checkRunning();
    return handedOut((this.draft ?? this.base)[position]);
  }

  writeValue(position: number, value: unknown): void {
    this.checkWritable();
    const frozen =
      typeof value === 'number' && value - value === 0 ? value : this.checked(() => memoryValue(value));
    this.draft ??= this.base.slice();
    this.draft[position] = frozen;
    if (this.changed === NO_CHANGES) this.changed = [position];
    else if (!this.changed.includes(position as never)) (this.changed as number[]).push(position);
  }

  /** Runs a check of ours; its error reaches the caller under its own code, not as one of the flow. */
  checked<T>(check: () => T): T {
    try {
      return check();
    } catch (error) {
      if (error instanceof GrainError) this.#raised = error;
      throw error;
    }
  }

  frozen(value: unknown): unknown {
    return typeof value === 'number' && value - value === 0
      ? value
      : this.checked(() => freezeValue(value ?? null));
  }

  mapField(name: string): MemoryMap<unknown> {
    return this.#collection(name, TurnMap);
  }

  listField(name: string): MemoryList<unknown> {
    return this.#collection(name, TurnList);
  }

  #collection<T extends TurnMap | TurnList>(
    name: string,
    kind: new (access: CollectionAccess, field: string) => T,
  ): T {
    this.checkRunning();
    this.#collections ??= new Map();
    let collection = this.#collections.get(name);
    if (!collection) {
      this.#collections.set(name, (collection = new kind(this, name)));
      if (this.isForgetting) collection.forget();
    }
    return collection as T;
  }

  stage(change: CollectionChange): void {
    this.checkWritable();
    if (this.collections === NO_CHANGES) this.collections = [change];
    else (this.collections as CollectionChange[]).push(change);
  }

  readEntry(field: string, key: string): MaybePromise<unknown> {
    return this.#read((storage, claim) => storage.readEntry(claim, field, key));
  }

  readEntries(field: string, scan: EntryScan): MaybePromise<readonly (readonly [string, unknown])[]> {
    return this.#read((storage, claim) => storage.readEntries(claim, field, scan));
  }

  listLength(field: string): MaybePromise<number> {
    return this.#read((storage, claim) => storage.listLength(claim, field));
  }

  readItems(field: string, start: number, end: number): MaybePromise<readonly unknown[]> {
    return this.#read((storage, claim) => storage.readItems(claim, field, start, end));
  }

  /**
   * What was read counts only if the turn is still running when it arrives. What storage refuses is told under its own
   * code: it is no failure of the flow, which may be tried again.
   */
  #read<T>(read: (storage: GrainStorage, claim: Claim) => MaybePromise<T>): MaybePromise<T> {
    this.checkRunning();
    const { storage, claim } = this.activation;
    const answer = this.checked(() => read(storage, claim));
    if (!(answer instanceof Promise)) return answer;
    return answer.then(
      (value) => {
        this.checkRunning();
        return value;
      },
      (error: unknown) => {
        this.activation.readRefused(fromUnknown(error));
        return this.checked(() => {
          throw error;
        });
      },
    );
  }

  emit(event: string, data: unknown): void {
    this.checkWritable();
    const emission = { event, data: this.frozen(data) };
    if (this.emitted === NO_CHANGES) this.emitted = [emission];
    else (this.emitted as { event: string; data: unknown }[]).push(emission);
  }

  setReminder(name: string, reminder: StoredReminder | undefined): void {
    this.checkWritable();
    this.reminders ??= new Map();
    this.reminders.set(name, reminder);
  }

  forget(): void {
    this.checkWritable();
    this.isForgetting = true;
    this.draft = this.activation.host.initialValues.slice();
    this.changed = this.draft.map((_value, position) => position);
    this.collections = NO_CHANGES;
    this.reminders = undefined;
    for (const collection of this.#collections?.values() ?? []) collection.forget();
  }

  /** Whether any value differs from the defaults. */
  get hasValues(): boolean {
    const { initialValues } = this.activation.host;
    return (this.draft ?? this.base).some((value, position) => value !== initialValues[position]);
  }

  /** The id that the turn's next nested call carries: the same in a run of the same command again (hazards.md 10). */
  nextCallId(): string | undefined {
    this.#callCount += 1;
    const { cause } = this;
    return cause === undefined ? undefined : `${cause}/${this.#callCount}`;
  }

  /** What a run of the same message again would have, too; undefined where nothing tells two messages apart. */
  get cause(): string | undefined {
    const { commandId, mark, tick } = this.envelope;
    if (commandId !== undefined) return commandId;
    if (mark) return `${mark.source}:${mark.seq}`;
    return tick ? `${tick.name}@${tick.dueMs}` : undefined;
  }

  get chain(): CallChain {
    const { envelope, activation } = this;
    const parent = envelope.chain;
    return {
      grain: activation.name,
      activation: activation.id,
      core: envelope.core,
      turn: this,
      parent,
      depth: (parent?.depth ?? 0) + 1,
    };
  }
}

/** Longer messages are cut: they travel in frames, and are kept with marks and commands. */
const MESSAGE_MAX = 2_000;

interface Thrown {
  readonly details: { readonly message: string; readonly cause?: ErrorCode };
  /** Nothing of its message is missing. */
  readonly isWhole: boolean;
}

/** Reads what was thrown. It may be anything, also something that throws when it is looked at. */
function read(thrown: unknown): Thrown {
  try {
    const text = thrown instanceof Error ? String(thrown.message) : `the flow threw ${nameOf(thrown)}`;
    const isWhole = text.length <= MESSAGE_MAX;
    const message = isWhole ? text : `${shortened(text)}…`;
    return { details: thrown instanceof GrainError ? { message, cause: thrown.code } : { message }, isWhole };
  } catch {
    return { details: { message: 'the flow threw something that cannot be read' }, isWhole: false };
  }
}

function nameOf(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : typeof thrown;
}

/** A text of its own: what `slice` gives would keep the whole text in memory for as long. */
function shortened(text: string): string {
  return Buffer.from(text.slice(0, MESSAGE_MAX)).toString();
}

function describeIssue({ message, path }: SchemaIssue): { readonly path: string; readonly message: string } {
  const parts = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  return { path: parts.join('.'), message };
}
