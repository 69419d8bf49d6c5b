// Activation: one in-memory run of one grain.
// Owns: its state, its visible values, who may start a turn, and what the end of a turn does.
// Does not own: a running turn's buffer (turn.ts), waiting messages (mailbox.ts), the gate (commit-ledger.ts), storage,
// nor which activations there are (grain-table.ts).
//   A1. Turns run only in `active`. At most `maxConcurrent` run at once; readonly ones may run beside each other; a call
//       chain may enter again where the Core allows it.
//   A2. Nothing leaves before every commit that its turn could have seen is durable (hazards.md 4).
//   A3. A failed commit, or a turn past its limit, ends the activation; its messages go on in the next one.
//   A4. It is in the idle list of its table exactly while it is active, nothing runs and nothing waits.
// Long, because it is one object: an idle activation has 600 bytes in all, and each part of its own would take a tenth of
// that. What needs no private state of it lives beside it: decisions on marks, commands, conflicts and migrations are pure.
import {
  assert,
  type CommitLevel,
  copyValue,
  estimateBytes,
  fromUnknown,
  GrainError,
  type GrainId,
  type Logger,
  type TimerSchedule,
} from '../../lib/index.ts';
import type { InstanceReport } from '../cluster-client.ts';
import type { CallChain, Envelope } from '../messaging/envelope.ts';
import { advanceReminder, decideTick } from '../reminders/schedule.ts';
import type {
  Claim,
  CommitOutcome,
  GrainCommit,
  GrainStorage,
  StoredCommand,
  StoredMark,
  StoredMemory,
  StoredReminder,
} from '../storage/grain-storage.ts';
import { type ActivationState, type DeactivationReason, NEXT_STATES } from './activation-state.ts';
import { answerCommand, CommandMemory, commandName, inputHash, storedCommand } from './commands.ts';
import { CommitLedger } from './commit-ledger.ts';
import { collidesWith, writeNames } from './conflicts.ts';
import type { CoreHost } from './core-host.ts';
import { GrainExtras } from './grain-extras.ts';
import type { HostedFlow } from './hosted-flow.ts';
import { Mailbox } from './mailbox.ts';
import { advanceMark, decideMark } from './marks.ts';
import { memoryValue } from './memory-value.ts';
import type { Message } from './message.ts';
import { migrateValues } from './migrate.ts';
import { TimerNode } from './timer-node.ts';
import { Turn } from './turn.ts';

const NOTHING: readonly never[] = Object.freeze([]);
const NO_COMMIT = 0;
/** Readonly turns that may run beside each other in one activation. */
const READERS_MAX = 1_024;

/** It is its grain's id, too: an object of its own for that would be a tenth of an idle activation. */
export class Activation implements GrainId {
  readonly host: CoreHost;
  readonly tenant: string;
  readonly key: string;
  /** Counter within the incarnation; never used again. */
  readonly seq: number;
  /** Visible values by position, frozen; replaced, never changed. */
  values: readonly unknown[];
  idleSinceMs = 0;
  /** Estimated bytes of the values. */
  bytes = 0;
  /** Links of the table's idle list. */
  idlePrev: Activation | null = null;
  idleNext: Activation | null = null;
  #state: ActivationState = 'activating';
  #claim: Claim | undefined = undefined;
  #running = 0;
  #readers = 0;
  /** The turns that await something: one is held directly, because a Set for each activation would be most of its size. */
  #turns: Turn | Set<Turn> | undefined = undefined;
  #mailbox: Mailbox | undefined = undefined;
  #ledger: CommitLedger | undefined = undefined;
  #extras: GrainExtras | undefined = undefined;
  #isPumping = false;
  /** Erased: it takes no more turns, and leaves when those that run have ended. */
  #isLeaving = false;
  /** To be activated elsewhere: it takes no new chains, and leaves between turns. */
  #isMoving = false;
  #isReleasing = false;
  /** For an activation that serves one call and is in no table: told when it is gone. */
  readonly #onGone: (() => void) | undefined;

  constructor(host: CoreHost, tenant: string, key: string, seq: number, onGone?: () => void) {
    this.host = host;
    this.tenant = tenant;
    this.key = key;
    this.seq = seq;
    this.#onGone = onGone;
    this.values = host.initialValues;
  }

  get state(): ActivationState {
    return this.#state;
  }

  /** Only from inside a turn, or after `active`. */
  get claim(): Claim {
    assert(this.#claim, `${this.name}: used before it was claimed`);
    return this.#claim;
  }

  get storage(): GrainStorage {
    return this.host.storage;
  }

  get core(): string {
    return this.host.definition.name;
  }

  /** `tenant/core/key`. */
  get name(): string {
    return `${this.tenant}/${this.host.definition.name}/${this.key}`;
  }

  get id(): string {
    return `${this.host.incarnation}:${this.seq}`;
  }

  get logger(): Logger {
    return this.host.loggerFor(this);
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#mailbox?.depth ?? 0;
  }

  get isIdle(): boolean {
    return this.#state === 'active' && this.#running === 0 && this.waiting === 0;
  }

  #enter(next: ActivationState): void {
    assert(NEXT_STATES[this.#state].includes(next), `${this.name}: ${this.#state} -> ${next}`);
    this.#state = next;
  }

  get #commits(): CommitLedger {
    this.#ledger ??= new CommitLedger();
    return this.#ledger;
  }

  get #more(): GrainExtras {
    this.#extras ??= new GrainExtras();
    return this.#extras;
  }

  /** What people are told of it. */
  report(silo: string, nowMs: number): InstanceReport {
    return {
      key: this.key,
      state: this.#state,
      epoch: this.#claim?.address.epoch ?? 0,
      silo,
      waiting: this.waiting,
      running: this.#running,
      idleMs: this.#running > 0 ? 0 : Math.max(0, Math.round(nowMs - this.idleSinceMs)),
      bytes: this.bytes,
    };
  }

  // --- beginning ---------------------------------------------------------------------------------------------------

  /** The grain was claimed: takes its memory over. @throws ERR_SCHEMA_NEWER, or what a migration throws */
  load(claim: Claim, memory: StoredMemory): void {
    if (memory.schema > 0) {
      this.values = migrateValues(this.host.definition, this.host.valueFields, memory).map(memoryValue);
    }
    this.#resize(estimateBytes(this.values));
    const { marks, commands, reminders, emitted, emissionEpoch } = memory;
    if (marks) this.#more.marks = new Map(marks);
    if (commands) this.#more.commands = new CommandMemory(commands, this.host.metrics);
    if (reminders) this.#more.reminders = new Map(reminders);
    if (emissionEpoch > 0) Object.assign(this.#more, { emitted, emissionEpoch });
    this.#claim = claim;
  }

  /** Its memory is here: runs `first`, then what waited meanwhile. */
  begin(first: Message | undefined): void {
    this.#enter('active');
    if (first) this.#start(first);
    this.#pump();
  }

  /** The claim failed: gives back what waited for it. */
  abandon(): readonly Message[] {
    this.#enter('tombstone');
    return this.#takeWaiting();
  }

  #takeWaiting(): Message[] {
    if (this.#mailbox) this.host.table.contended.delete(this);
    const messages: Message[] = [];
    for (let message = this.#mailbox?.shift(); message; message = this.#mailbox?.shift())
      messages.push(message);
    for (const message of this.#extras?.commands?.takeWaiting() ?? NOTHING) {
      message.envelope.putBack();
      messages.push(message);
    }
    return messages;
  }

  // --- admission ---------------------------------------------------------------------------------------------------

  /** Takes a message: runs it at once, keeps it, or refuses it. */
  accept(message: Message): void {
    if (this.#state === 'active' && this.waiting === 0 && this.#canStart(message)) {
      this.#start(message);
      return;
    }
    if (this.#state === 'tombstone') {
      this.host.admit(message, this.tenant, this.key);
      return;
    }
    if (this.host.lease.isPaused) return this.#keep(message);
    const cycle = this.#running > 0 ? this.#findCycle(message.envelope.chain) : undefined;
    if (cycle && !this.#canStart(message)) {
      message.envelope.reject(new GrainError('ERR_CALL_CYCLE', { chain: cycle }));
      return;
    }
    if (cycle && this.#state === 'active') {
      // The chain holds this activation and may enter: waiting behind others would be waiting for itself.
      this.#start(message);
      return;
    }
    this.#keep(message);
  }

  #keep(message: Message): void {
    this.#mailbox ??= new Mailbox();
    if (!this.#mailbox.push(message, this.host.definition.instance)) {
      const { envelope } = message;
      envelope.reject(new GrainError('ERR_MAILBOX_FULL', { grain: this.name, retryAfterMs: 100 }));
      return;
    }
    if (this.#mailbox.depth === 1) this.host.table.contended.add(this);
    if (this.idlePrev !== null) this.host.table.nowBusy(this);
  }

  #canStart({ envelope, flow }: Message): boolean {
    if (this.#isLeaving || this.host.lease.isPaused) return false;
    if (this.#isMoving && !this.#findCycle(envelope.chain)) return false;
    if (this.#running === 0) return true;
    if (envelope.kind === 'forget') return false; // not beside turns that still write
    const { maxConcurrent, reentrant } = this.host.definition.instance;
    if (envelope.mark && this.#extras?.runningSources?.has(envelope.mark.source)) return false;
    if (flow?.isReadonly && this.#running === this.#readers && this.#running < READERS_MAX) return true;
    if (reentrant && this.#findCycle(envelope.chain)) return true;
    return this.#running < maxConcurrent && this.#readers === 0;
  }

  /** The grains of the chain from this one on, when the call waits, through others, for itself. */
  #findCycle(chain: CallChain | undefined): readonly string[] | undefined {
    if (!chain) return undefined;
    const { id } = this;
    const path: string[] = [this.name];
    for (let link: CallChain | undefined = chain; link; link = link.parent) {
      path.push(link.grain);
      // A turn that has ended waits for nothing: it left its call unawaited.
      if (link.activation === id && !link.turn?.isEnded) return path.reverse();
    }
    return undefined;
  }

  /** Starts what may start. One pump at a time; it yields to the loop when its share is used up. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    let next = this.#state === 'active' ? this.#mailbox?.peek() : undefined;
    while (next && this.#canStart(next)) {
      if (!this.host.budget.take()) {
        this.host.budget.defer(() => this.#pump());
        break;
      }
      this.#mailbox?.shift();
      this.#start(next);
      next = this.#state === 'active' ? this.#mailbox?.peek() : undefined;
    }
    this.#isPumping = false;
    if (this.#mailbox?.depth === 0) this.host.table.contended.delete(this);
    if (this.#running === 0 && this.#state === 'active') {
      if (this.#isLeaving) this.#retire('forgotten');
      else if (this.#isMoving) this.#leave('moved');
    }
    if (!this.isIdle || this.idlePrev !== null) return;
    this.#mailbox = undefined;
    if (this.#turns instanceof Set) this.#turns = undefined;
    if (this.#onGone) this.deactivate('call_ended');
    else this.host.table.nowIdle(this);
  }

  // --- turns -------------------------------------------------------------------------------------------------------

  #start(message: Message): void {
    const { envelope } = message;
    const nowMs = this.host.clock.nowMs();
    // The wheel may be late, after a flow that blocked the loop: what has expired must not start (P5).
    if (nowMs >= envelope.deadlineMs) return envelope.onDue();
    if (nowMs >= this.host.lease.untilMs) return this.#holdBack(message);
    if (!envelope.begin()) return;
    this.host.loop.turnStarted(nowMs);
    try {
      if (envelope.mark && !this.#admitMark(envelope)) return;
      if (envelope.kind === 'forget') return this.#forgetNow(envelope);
      const flow = envelope.tick ? this.#admitTick(envelope) : message.flow;
      if (!flow) return;
      if (envelope.commandId !== undefined && !this.#admitCommand(message)) return;
      this.#run(envelope, flow, 1, nowMs);
    } catch (broken) {
      this.#broken(envelope, broken);
    }
  }

  /** The silo may have lost its session, as far as it can tell: nothing starts until it knows (Ownership 7). */
  #holdBack(message: Message): void {
    this.host.lease.isPaused = true;
    (this.#mailbox ??= new Mailbox()).putFirst(message);
    this.host.table.contended.add(this);
    if (this.idlePrev !== null) this.host.table.nowBusy(this);
  }

  /** The silo holds its session again. */
  resume(): void {
    // During the pause nobody looked whether what came waits for itself: behind others it would do so for ever.
    const cyclic =
      this.#running > 0
        ? this.#mailbox?.take(({ envelope }) => this.#findCycle(envelope.chain) !== undefined)
        : undefined;
    for (const message of cyclic ?? NOTHING) this.accept(message);
    this.#pump();
  }

  /** An invariant of ours does not hold: this activation cannot be trusted any more, its silo can. */
  #broken(envelope: Envelope, broken: unknown): void {
    this.host.logger.error({ grain: this.name, err: broken }, 'activation.broken');
    this.#end(new GrainError('ERR_GRAIN_MOVED'), 'invariant_broken');
    envelope.reject(fromUnknown(broken));
  }

  /** Whether the mark lets the message run; if not, it has been answered. */
  #admitMark(envelope: Envelope): boolean {
    const { mark } = envelope;
    if (!mark) return true;
    const stored = this.#extras?.marks?.get(mark.source);
    const decision = decideMark(stored, mark);
    if (decision.kind === 'apply' && !mark.refusal) return true;
    if (decision.kind === 'apply' && mark.refusal && envelope.kind === 'bus') {
      envelope.reject(new GrainError(mark.refusal.code, { message: mark.refusal.message }));
    } else if (decision.kind === 'apply' && mark.refusal) {
      const error = new GrainError(mark.refusal.code, { message: mark.refusal.message });
      this.#recordRefusal(envelope, error);
    } else if (decision.kind === 'refused') {
      this.#reply(envelope, undefined, decision.error);
    } else this.#reply(envelope, undefined, undefined);
    return false;
  }

  /** Commits that the message was refused for good, and tells it: sent again, it is refused again (hazards.md 3). */
  #recordRefusal(envelope: Envelope, error: GrainError): void {
    const mark = this.#advanceMark(envelope, error);
    const { level } = this.host.definition;
    const own = mark ? this.#issue({ ...this.#emptyChanges(), marks: [mark] }, level) : NO_COMMIT;
    this.#reply(envelope, undefined, error, own);
  }

  #advanceMark(envelope: Envelope, refusal: GrainError | undefined): StoredMark | undefined {
    if (!envelope.mark) return undefined;
    const marks = (this.#more.marks ??= new Map<string, StoredMark>());
    const next = advanceMark(
      marks.get(envelope.mark.source),
      envelope.mark,
      refusal,
      this.host.clock.wallMs(),
    );
    marks.set(next.source, next);
    return next;
  }

  /** The reminder's flow while its tick is still due; otherwise the tick is answered: it was done, or cancelled. */
  #admitTick(envelope: Envelope): HostedFlow | undefined {
    const { tick } = envelope;
    const reminder = tick ? this.#extras?.reminders?.get(tick.name) : undefined;
    if (!tick || !reminder) {
      this.#reply(envelope, undefined, undefined);
      return undefined;
    }
    const nowWallMs = this.host.clock.wallMs();
    const decision = decideTick(reminder, tick, nowWallMs);
    envelope.flow = reminder.flow;
    envelope.input = reminder.input;
    const flow = this.host.flows.get(reminder.flow);
    if (decision === 'run' && flow) return flow;
    if (decision !== 'gone') {
      const advanced = advanceReminder(reminder, tick.dueMs, nowWallMs);
      this.#setReminder(reminder.name, advanced);
      this.#issue({ ...this.#emptyChanges(), reminders: [[reminder.name, advanced]] }, 'committed');
    }
    const isUnknown = decision === 'run' && !flow;
    const error = isUnknown ? new GrainError('ERR_FLOW_UNKNOWN', { flow: reminder.flow }) : undefined;
    this.#reply(envelope, undefined, error);
    return undefined;
  }

  #admitCommand(message: Message): boolean {
    const { envelope } = message;
    const id = commandName(envelope.principal, envelope.commandId ?? '');
    const commands = (this.#more.commands ??= new CommandMemory(undefined, this.host.metrics));
    const hash = inputHash(envelope.flow, envelope.input);
    const decision = commands.decide(message, id, hash, this.host.clock.wallMs());
    switch (decision.kind) {
      case 'run':
        return true;
      case 'wait':
        return false;
      case 'answer':
        this.whenOpen((failure) => {
          if (failure) envelope.reject(failure);
          else answerCommand(envelope, decision.command);
        });
        return false;
      case 'refused':
        this.#reply(envelope, undefined, decision.error);
        return false;
    }
  }

  #run(envelope: Envelope, flow: HostedFlow, attempt: number, startMs: number): void {
    const { host } = this;
    if (this.#running === 0 && this.idlePrev !== null) host.table.nowBusy(this);
    this.#running += 1;
    if (flow.isReadonly) this.#readers += 1;
    if (envelope.mark && (flow.isReadonly || host.isOverlapping))
      (this.#more.runningSources ??= new Set()).add(envelope.mark.source);
    host.metrics.turnsStarted += 1;
    const turn = new Turn(this, envelope, flow, startMs, attempt);
    let result: unknown;
    let pending: Promise<unknown> | undefined;
    try {
      result = turn.execute();
      pending = asPromise(result);
    } catch (thrown) {
      this.#finish(turn, undefined, turn.failureOf(thrown));
      return;
    }
    if (!pending) {
      this.#returned(turn, result);
      return;
    }
    if (this.#turns === undefined) this.#turns = turn;
    else if (this.#turns instanceof Set) this.#turns.add(turn);
    else this.#turns = new Set([this.#turns, turn]);
    envelope.abandoned = (error) => turn.abort(error);
    host.wheel.schedule(turn, startMs + flow.definition.timeLimitMs);
    pending.then(
      (output) => this.#returned(turn, output),
      (thrown: unknown) => this.#finish(turn, undefined, turn.failureOf(thrown)),
    );
  }

  #returned(turn: Turn, output: unknown): void {
    if (turn.isEnded) return;
    let checked: unknown;
    try {
      checked = output === undefined && !turn.flow.definition.output ? undefined : turn.checkOutput(output);
    } catch (thrown) {
      this.#finish(turn, undefined, turn.failureOf(thrown));
      return;
    }
    if (checked instanceof Promise) {
      checked.then(
        (value: unknown) => this.#finish(turn, value, undefined),
        (thrown: unknown) => this.#finish(turn, undefined, turn.failureOf(thrown)),
      );
    } else this.#finish(turn, checked, undefined);
  }

  #finish(turn: Turn, output: unknown, failure: GrainError | undefined): void {
    if (turn.isEnded) return; // given up: another activation has the grain by now
    this.#endTurn(turn, failure);
    try {
      if (this.#state !== 'active') turn.envelope.reject(new GrainError('ERR_GRAIN_MOVED'));
      else if (failure) this.#settleFailed(turn, failure);
      else if (this.#hasConflict(turn)) this.#settleConflict(turn);
      else this.#settleDone(turn, output);
    } catch (broken) {
      this.#broken(turn.envelope, broken);
    }
    this.#pump();
  }

  #endTurn(turn: Turn, failure: GrainError | undefined): void {
    turn.end();
    const { wheel, metrics, clock, loop } = this.host;
    const nowMs = clock.nowMs();
    wheel.cancel(turn);
    metrics.turnEnded(turn, failure, nowMs);
    loop.turnEnded(turn, nowMs);
    if (this.#turns === turn) this.#turns = undefined;
    else if (this.#turns instanceof Set) this.#turns.delete(turn);
    this.#running -= 1;
    if (turn.flow.isReadonly) this.#readers -= 1;
    if (turn.envelope.mark) this.#extras?.runningSources?.delete(turn.envelope.mark.source);
    // A timer does not keep its activation in memory.
    if (this.#running === 0 && turn.envelope.kind !== 'timer') this.idleSinceMs = turn.startMs;
  }

  get #turnsInFlight(): readonly Turn[] {
    if (this.#turns === undefined) return NOTHING;
    return this.#turns instanceof Set ? [...this.#turns] : [this.#turns];
  }

  #hasConflict(turn: Turn): boolean {
    if (this.values !== turn.base) {
      for (const position of turn.changed) {
        if (this.values[position] !== turn.base[position]) return true;
      }
    }
    const foreign = turn.foreignWrites;
    return (
      foreign !== undefined &&
      turn.collections.some((change) => collidesWith(change).some((name) => foreign.has(name)))
    );
  }

  #settleConflict(turn: Turn): void {
    const { envelope, flow } = turn;
    // A caller that has gone is not run for again: nothing starts after its deadline (P5).
    if (turn.attempt === 1 && !envelope.isSettled && !this.#isLapsed) {
      this.#run(envelope, flow, 2, this.host.clock.nowMs());
      return;
    }
    this.#settleWaiting(envelope, undefined);
    envelope.reject(new GrainError('ERR_TURN_CONFLICT', { flow: flow.name, grain: this.name }));
  }

  /** The turn left nothing; but a refusal at a mark and the outcome of a command are remembered. */
  #settleFailed(turn: Turn, failure: GrainError): void {
    const { envelope } = turn;
    // The bus tries a flow that threw again, and then keeps a dead letter: its marks tell only what was applied.
    const isRemembered = failure.spec.lasting && envelope.kind !== 'bus';
    const mark = isRemembered ? this.#advanceMark(envelope, failure) : undefined;
    const command = failure.spec.lasting ? this.#commandOf(envelope, { error: failure }) : undefined;
    const waiting = this.#settleWaiting(envelope, command);
    let own = NO_COMMIT;
    if (mark || command) {
      const changes = {
        ...this.#emptyChanges(),
        marks: mark ? [mark] : NOTHING,
        commands: command ? [command] : NOTHING,
      };
      own = this.#issue(changes, turn.flow.level);
    }
    this.#reply(envelope, undefined, failure, own);
    for (const other of waiting) this.#reply(other.envelope, undefined, failure, own);
  }

  #settleDone(turn: Turn, output: unknown): void {
    const { envelope, flow } = turn;
    const { mark: sent, commandId, tick } = envelope;
    if (turn.draft) this.#applyValues(turn);
    if (turn.collections.length > 0 || turn.isForgetting) this.#tellOverlapping(turn);
    const mark = sent ? this.#advanceMark(envelope, undefined) : undefined;
    const command = commandId === undefined ? undefined : this.#commandOf(envelope, { output });
    const waiting = commandId === undefined ? NOTHING : this.#settleWaiting(envelope, command);
    if (tick) this.#advanceTick(turn);
    let own = NO_COMMIT;
    if (mark || command || turn.hasChanges) {
      own = this.#commitTurn(turn, mark, command);
    } else if (flow.definition.read === 'checked') {
      this.#replyChecked(envelope, output);
      return;
    }
    this.#reply(envelope, output, undefined, own);
    for (const other of waiting) this.#reply(other.envelope, copyValue(output), undefined, own);
  }

  #resize(bytes: number): void {
    this.host.residents.bytes += bytes - this.bytes;
    this.bytes = bytes;
  }

  #applyValues(turn: Turn): void {
    const { draft } = turn;
    if (!draft) return;
    let grown = 0;
    for (const position of turn.changed) {
      const [old, now] = [this.values[position], draft[position]];
      if (typeof old === 'number' && typeof now === 'number') continue;
      grown += estimateBytes(now) - estimateBytes(old);
    }
    if (grown !== 0) this.#resize(this.bytes + grown);
    if (this.values === turn.base) {
      this.values = draft;
      return;
    }
    const merged = this.values.slice();
    for (const position of turn.changed) merged[position] = draft[position];
    this.values = merged;
  }

  #tellOverlapping(turn: Turn): void {
    for (const other of this.#turnsInFlight) {
      other.foreignWrites ??= new Set();
      if (turn.isForgetting) {
        for (const { name: field } of this.host.definition.fields)
          for (const name of writeNames({ op: 'clear', field })) other.foreignWrites.add(name);
      }
      for (const change of turn.collections)
        for (const name of writeNames(change)) other.foreignWrites.add(name);
    }
  }

  #commandOf(
    envelope: Envelope,
    outcome: { readonly output: unknown } | { readonly error: GrainError },
  ): StoredCommand | undefined {
    if (envelope.commandId === undefined) return undefined;
    const id = commandName(envelope.principal, envelope.commandId);
    // Of the input as it came: the flow may have changed its copy since.
    const hash = this.#extras?.commands?.runningHash(id) ?? inputHash(envelope.flow, envelope.input);
    return storedCommand(id, hash, this.host.clock.wallMs(), outcome);
  }

  #settleWaiting(envelope: Envelope, command: StoredCommand | undefined): readonly Message[] {
    if (envelope.commandId === undefined) return NOTHING;
    const id = commandName(envelope.principal, envelope.commandId);
    const waiting = this.#extras?.commands?.settle(id, command) ?? NOTHING;
    if (command) return waiting;
    // Nothing is remembered: each of them may run it now.
    for (const message of waiting) {
      message.envelope.putBack();
      this.accept(message);
    }
    return NOTHING;
  }

  #advanceTick(turn: Turn): void {
    const { tick } = turn.envelope;
    const reminder = tick ? this.#extras?.reminders?.get(tick.name) : undefined;
    if (!tick || !reminder || turn.isForgetting) return;
    if (turn.reminders?.has(tick.name)) return; // the flow set or cancelled it itself
    turn.reminders ??= new Map();
    turn.reminders.set(tick.name, advanceReminder(reminder, tick.dueMs, this.host.clock.wallMs()));
  }

  // --- commits -----------------------------------------------------------------------------------------------------

  #emptyChanges(): TurnChanges {
    return {
      changed: NOTHING,
      collections: NOTHING,
      emitted: NOTHING,
      reminders: NOTHING,
      marks: NOTHING,
      commands: NOTHING,
      forget: false,
    };
  }

  /** Answers the commit's number. */
  #commitTurn(turn: Turn, mark: StoredMark | undefined, command: StoredCommand | undefined): number {
    if (turn.isForgetting) this.#forgetVisible();
    const { level } = turn.flow;
    const hasMore =
      command !== undefined ||
      turn.reminders !== undefined ||
      turn.collections.length > 0 ||
      turn.emitted.length > 0;
    if (level === 'volatile' && !hasMore && !turn.isForgetting) {
      this.#keepDirty(turn, mark);
      return NO_COMMIT;
    }
    const reminders = turn.reminders ? [...turn.reminders] : NOTHING;
    for (const [name, reminder] of reminders) this.#setReminder(name, reminder);
    return this.#issue(
      {
        changed: turn.isForgetting && !turn.hasValues ? NOTHING : turn.changed,
        collections: turn.collections,
        emitted: turn.emitted,
        reminders,
        marks: mark ? [mark] : NOTHING,
        commands: command ? [command] : NOTHING,
        forget: turn.isForgetting,
      },
      level,
    );
  }

  /** A volatile flow's changes stay in memory until a commit takes them along; volatile Cores never have one. */
  #keepDirty(turn: Turn, mark: StoredMark | undefined): void {
    if (this.host.isVolatile) return;
    for (const position of turn.changed) this.#more.dirtyValues.add(position);
    if (mark) this.#more.dirtyMarks.set(mark.source, mark);
  }

  /** Hands the next commit over, and answers its number. */
  #issue(changes: TurnChanges, level: CommitLevel): number {
    const { host } = this;
    const commits = this.#commits;
    const isFirst = commits.issued === 0;
    const wallMs = host.clock.wallMs();
    const emissions = changes.emitted.length > 0 ? this.#numberEmissions(changes.emitted, wallMs) : NOTHING;
    const { emissionEpoch } = this.#extras ?? { emissionEpoch: 0 };
    const { reminders } = changes;
    const onDurable =
      emissions.length > 0 || reminders.length > 0
        ? (): void => {
            if (emissions.length > 0) host.publish(this, emissionEpoch, emissions);
            for (const [, reminder] of reminders) if (reminder) host.reminderSet(this, reminder.dueMs);
          }
        : undefined;
    const number = commits.issue(level === 'committed' && !host.isVolatile, onDurable);
    const commit: GrainCommit = {
      number,
      schema: host.definition.schema,
      fieldNames: host.valueNames,
      values: this.values,
      changed: this.#takeDirty(isFirst && !changes.forget ? host.allPositions : changes.changed),
      collections: changes.collections,
      marks: this.#takeDirtyMarks(changes.marks),
      commands: changes.commands,
      emissions,
      emissionEpoch,
      emissionsKept: host.definition.emissionsKept,
      reminders,
      forget: changes.forget,
    };
    host.metrics.commits += 1;
    const done = (outcome: CommitOutcome): void => {
      const failure = commits.settle(number, outcome);
      if (failure) this.#commitFailed(failure);
      else if (this.#state === 'deactivating' && commits.isSettled) this.#release();
    };
    try {
      host.storage.commit(this.claim, commit, done);
    } catch (thrown) {
      // A driver that breaks its contract: without an outcome the activation could never leave.
      queueMicrotask(() => done({ kind: 'failed', error: fromUnknown(thrown) }));
    }
    return number;
  }

  #numberEmissions(
    emitted: readonly { readonly event: string; readonly data: unknown }[],
    wallMs: number,
  ): GrainCommit['emissions'] {
    const extras = this.#more;
    if (extras.emissionEpoch === 0) extras.emissionEpoch = this.claim.address.epoch;
    return emitted.map(({ event, data }) => ({ n: ++extras.emitted, event, data, wallMs }));
  }

  #takeDirty(changed: readonly number[]): readonly number[] {
    const dirty = this.#extras?.dirtyValues;
    if (!dirty || dirty.size === 0) return changed;
    const all = [...new Set([...dirty, ...changed])];
    dirty.clear();
    return all;
  }

  #takeDirtyMarks(marks: readonly StoredMark[]): readonly StoredMark[] {
    const dirty = this.#extras?.dirtyMarks;
    if (!dirty || dirty.size === 0) return marks;
    for (const mark of marks) dirty.set(mark.source, mark);
    const all = [...dirty.values()];
    dirty.clear();
    return all;
  }

  #setReminder(name: string, reminder: StoredReminder | undefined): void {
    const reminders = (this.#more.reminders ??= new Map());
    if (reminder) reminders.set(name, reminder);
    else reminders.delete(name);
  }

  #forgetVisible(): void {
    const extras = this.#more;
    const { epoch } = this.claim.address;
    extras.reminders = undefined;
    extras.commands?.forget();
    extras.emitted = 0;
    // A new history of emissions. Epochs are whole numbers, so a part of a step is one that no other history has.
    extras.emissionEpoch = extras.emissionEpoch < epoch ? epoch : (extras.emissionEpoch + epoch + 1) / 2;
    extras.dirtyValues.clear();
    this.#isLeaving = true;
  }

  #forgetNow(envelope: Envelope): void {
    this.values = this.host.initialValues;
    this.#forgetVisible();
    const own = this.#issue({ ...this.#emptyChanges(), forget: true }, 'committed');
    this.#reply(envelope, undefined, undefined, own);
    this.#pump();
  }

  // --- replies -----------------------------------------------------------------------------------------------------

  /** Tells the outcome once everything that the turn could have seen is durable (A2). `own` is its own commit. */
  #reply(envelope: Envelope, output: unknown, error: GrainError | undefined, own = NO_COMMIT): void {
    if (!this.#isLapsed) return this.#answer(envelope, output, error, own);
    this.host.lease.whenHeld((lost) => {
      // What was committed took effect, whoever has the grain now; what was only read may be old.
      if (lost && own === NO_COMMIT) envelope.reject(lost);
      else this.#answer(envelope, output, error, own);
    });
  }

  #answer(envelope: Envelope, output: unknown, error: GrainError | undefined, own: number): void {
    const ledger = this.#ledger;
    if (!ledger || ledger.isOpen) {
      if (error) envelope.reject(error);
      else envelope.resolve(output);
      return;
    }
    ledger.whenOpen((failure) => {
      // What was only read may have been held for long: by now it may be old.
      if (!failure && own === NO_COMMIT && this.#isLapsed) return this.#reply(envelope, output, error);
      const said = failure ?? error;
      if (!said) envelope.resolve(output);
      else if (!failure?.spec.lasting || !this.#refuseInNext(envelope, failure)) envelope.reject(said);
    }, own);
  }

  #replyChecked(envelope: Envelope, output: unknown): void {
    const tell = (isOwner: boolean): void => {
      this.#reply(envelope, output, isOwner ? undefined : new GrainError('ERR_STORE_FENCED'));
      if (!isOwner) this.#ownershipLost(new GrainError('ERR_STORE_FENCED'));
    };
    const answer = this.storage.isOwner(this.claim);
    if (answer instanceof Promise) answer.then(tell, (error: unknown) => envelope.reject(fromUnknown(error)));
    else tell(answer);
  }

  get #isLapsed(): boolean {
    const { untilMs } = this.host.lease;
    return untilMs !== Infinity && this.host.clock.nowMs() >= untilMs;
  }

  /** Runs `go` when what this turn has seen is durable: a call of its may not leave before (A2). */
  whenOpen(go: (failure: GrainError | undefined) => void): void {
    if (this.#isLapsed) {
      this.host.lease.whenHeld((lost) => {
        if (lost) go(lost);
        else this.whenOpen(go); // it may have lapsed again meanwhile
      });
    } else if (!this.#ledger) go(undefined);
    else
      this.#ledger.whenOpen((failure) => {
        if (!failure && this.#isLapsed) this.whenOpen(go);
        else go(failure);
      });
  }

  // --- timers and reminders ----------------------------------------------------------------------------------------

  setTimer(turn: Turn, name: string, schedule: TimerSchedule): void {
    if (!this.host.flows.has(schedule.flow)) {
      turn.raise('ERR_REMINDER_INVALID', { message: `timer ${name}: there is no flow ${schedule.flow}` });
    }
    const node = turn.checked(() => new TimerNode(this, name, schedule));
    this.cancelTimer(name);
    (this.#more.timers ??= new Map()).set(name, node);
    node.start();
  }

  cancelTimer(name: string): void {
    const node = this.#extras?.timers?.get(name);
    if (!node) return;
    this.host.wheel.cancel(node);
    this.#extras?.timers?.delete(name);
  }

  timerSettled(node: TimerNode, isInterval: boolean): void {
    if (this.#extras?.timers?.get(node.name) !== node) return; // cancelled or replaced meanwhile
    if (isInterval && this.#state === 'active') node.start();
    else this.#extras.timers.delete(node.name);
  }

  remindersSeenBy(
    turn: Turn,
  ): readonly { readonly name: string; readonly dueMs: number; readonly flow: string }[] {
    const seen = new Map(turn.isForgetting ? undefined : this.#extras?.reminders);
    for (const [name, reminder] of turn.reminders ?? NOTHING) {
      if (reminder) seen.set(name, reminder);
      else seen.delete(name);
    }
    return [...seen.values()].map(({ name, dueMs, flow }) => ({ name, dueMs, flow }));
  }

  /** Milliseconds that the turn may still take: until its caller's deadline or its own limit. */
  remainingMs(turn: Turn): number {
    const limitMs = turn.startMs + turn.flow.definition.timeLimitMs;
    return Math.max(0, Math.min(limitMs, turn.envelope.deadlineMs) - this.host.clock.nowMs());
  }

  // --- ending ------------------------------------------------------------------------------------------------------

  /** Deactivates in order. Only while idle. */
  deactivate(reason: DeactivationReason): void {
    if (this.isIdle) this.#leave(reason);
  }

  /** Leaves for another silo as soon as no turn runs; what waits goes along. Calls of chains that hold it still enter. */
  move(): void {
    if (this.#state !== 'active' || this.#isMoving) return;
    this.#isMoving = true;
    if (this.#running === 0) this.#leave('moved');
  }

  /** What `volatile` flows left dirty is committed first. Nothing runs. */
  #leave(reason: DeactivationReason): void {
    const extras = this.#extras;
    if (extras && (extras.dirtyValues.size > 0 || extras.dirtyMarks.size > 0))
      this.#issue(this.#emptyChanges(), 'async');
    this.#retire(reason);
  }

  /** From here on no turn starts; `goodbye` tells those who have to know, before the grain may go on elsewhere. */
  #retire(reason: DeactivationReason, goodbye?: () => void): void {
    this.#enter('deactivating');
    if (this.idlePrev !== null) this.host.table.nowBusy(this);
    this.host.metrics.deactivatedFor(reason);
    for (const node of this.#extras?.timers?.values() ?? NOTHING) this.host.wheel.cancel(node);
    goodbye?.();
    if (!this.#ledger || this.#ledger.isSettled) this.#release();
  }

  /** A turn ran past its limit: the grain goes on in a new activation, so the late turn can never commit (hazards.md 19). */
  giveUp(turn: Turn): void {
    if (turn.isEnded || this.#state !== 'active') return;
    const { envelope, flow } = turn;
    const error = new GrainError('ERR_TURN_TIMEOUT', {
      flow: flow.name,
      limitMs: flow.definition.timeLimitMs,
    });
    this.host.logger.warn(
      { grain: this.name, flow: flow.name, limitMs: flow.definition.timeLimitMs },
      'turn.timed_out',
    );
    this.#endTurn(turn, error);
    this.#end(new GrainError('ERR_GRAIN_MOVED', {}, { cause: error }), 'turn_timeout', () => {
      turn.abort(error);
      if (!this.#refuseInNext(envelope, error)) envelope.reject(error);
    });
  }

  /**
   * Lets the grain's next activation record the refusal at the mark, so that the event is never run again; first of all
   * that waits, because the source's next events build on it. False when there is nothing to record.
   */
  #refuseInNext(envelope: Envelope, error: GrainError): boolean {
    if (!envelope.mark || envelope.mark.refusal || envelope.kind === 'bus' || envelope.isSettled)
      return false;
    envelope.putBack();
    envelope.mark = { ...envelope.mark, refusal: { code: error.code, message: error.message } };
    (this.#mailbox ??= new Mailbox()).putFirst({ envelope, flow: undefined });
    return true;
  }

  /** The silo's time to drain is up. */
  endNow(reason: DeactivationReason): void {
    const code = reason === 'drain' && !this.host.neighbours ? 'ERR_SILO_DRAINING' : 'ERR_GRAIN_MOVED';
    if (this.#state === 'active') this.#end(new GrainError(code), reason);
    // The claim may never be answered: what waits for it must not wait with it.
    else for (const message of this.#takeWaiting()) this.host.admit(message, this.tenant, this.key);
  }

  /** The store refused a read: where that is because the grain is not ours any more, it goes on in its next activation. */
  readRefused(failure: GrainError): void {
    if (failure.code === 'ERR_STORE_FENCED' || failure.code === 'ERR_STORE_LOST')
      this.#ownershipLost(failure);
  }

  #commitFailed(failure: GrainError): void {
    this.host.metrics.commitsFailed += 1;
    this.host.logger.warn({ grain: this.name, code: failure.code, err: failure }, 'commit.failed');
    this.#endWith(failure);
  }

  #ownershipLost(failure: GrainError): void {
    this.host.logger.warn({ grain: this.name, code: failure.code, err: failure }, 'ownership.lost');
    this.#endWith(failure);
  }

  #endWith(failure: GrainError): void {
    if (failure.code === 'ERR_STORE_LOST') this.host.neighbours?.storeLost();
    if (this.#state === 'active')
      this.#end(new GrainError('ERR_GRAIN_MOVED', {}, { cause: failure }), 'commit_failed');
    else if (this.#state === 'deactivating') this.#release();
  }

  /**
   * Ends the activation with turns still running: they are told, and can do nothing more. Code that is told may send the
   * grain its next message at once, so all that has happened here before.
   */
  #end(error: GrainError, reason: DeactivationReason, goodbye?: () => void): void {
    if (this.#state !== 'active') return;
    const turns = this.#turnsInFlight;
    for (const turn of turns) this.#endTurn(turn, error);
    this.#retire(reason, () => {
      goodbye?.();
      for (const turn of turns) {
        turn.abort(error);
        turn.envelope.reject(error);
      }
    });
  }

  /** Gives the grain up. Until that is done the activation stays in the table, and what arrives waits in its mailbox. */
  #release(): void {
    if (this.#state !== 'deactivating' || this.#isReleasing) return;
    this.#isReleasing = true;
    const failed = (err: unknown): void => {
      // The entry stays ours until the next claim takes it over: same incarnation, so that always may.
      this.host.logger.warn({ grain: this.name, err }, 'claim.release_failed');
      this.#gone();
    };
    let released: void | Promise<void>;
    try {
      released = this.host.releaseClaim(this.claim);
    } catch (err) {
      return failed(err);
    }
    if (released instanceof Promise) released.then(() => this.#gone(), failed);
    else this.#gone();
  }

  #gone(): void {
    this.#enter('tombstone');
    this.#resize(0);
    if (this.#onGone) this.#onGone();
    else this.host.table.removed(this);
    for (const message of this.#takeWaiting()) {
      // A timer is of its activation: its tick must not wake the next one.
      if (message.envelope.kind !== 'timer') this.host.admit(message, this.tenant, this.key, true);
    }
  }
}

interface TurnChanges {
  readonly changed: readonly number[];
  readonly collections: GrainCommit['collections'];
  readonly emitted: readonly { readonly event: string; readonly data: unknown }[];
  readonly reminders: GrainCommit['reminders'];
  readonly marks: readonly StoredMark[];
  readonly commands: readonly StoredCommand[];
  readonly forget: boolean;
}

/** Foreign promises are adopted: what their `then` throws, or tells twice, is then no concern of ours. */
function asPromise(value: unknown): Promise<unknown> | undefined {
  if (value instanceof Promise) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  return typeof (value as { then?: unknown }).then === 'function' ? Promise.resolve(value) : undefined;
}
