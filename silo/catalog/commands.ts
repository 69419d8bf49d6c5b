// Command ids: a call that brings an id runs once within the window, errors included (hazards.md 10).
//   C1. The same (principal, id) with another input is refused.
//   C2. While the first is running, others with its id wait for its outcome.
//   C3. The last 1,000 within 10 minutes are remembered; P5 holds for this window.
//   C4. What is remembered is nobody else's: it is copied when it is stored, and again for each who is told.
import { copyValue, GrainError, hash53, isErrorCode, toJson } from '../../lib/index.ts';
import type { Envelope } from '../messaging/envelope.ts';
import type { StoredCommand } from '../storage/grain-storage.ts';
import { COMMANDS_KEPT, isCommandKept } from '../storage/retention.ts';
import type { Message } from './message.ts';

/** A larger result is remembered as done, without its body. */
const OUTPUT_KEPT_BYTES = 4_096;

interface RunningCommand {
  readonly inputHash: number;
  readonly waiting: Message[];
}

export type CommandDecision =
  | { readonly kind: 'run' }
  | { readonly kind: 'answer'; readonly command: StoredCommand }
  | { readonly kind: 'wait' }
  | { readonly kind: 'refused'; readonly error: GrainError };

export function commandName(principal: string, commandId: string): string {
  return `${principal}\u0000${commandId}`;
}

/** A hash of the flow and its input that does not depend on the order of properties. */
export function inputHash(flow: string, input: unknown): number {
  return hash53(`${flow} ${toJson(sortProperties(input))}`);
}

function sortProperties(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(sortProperties);
  const names = Object.keys(value).sort();
  return Object.fromEntries(
    names.map((name) => [name, sortProperties((value as Record<string, unknown>)[name])]),
  );
}

/** Where it is counted that the bound on the number has cut the window short (hazards.md 10). */
export interface CommandGauge {
  commandsCutShort: number;
}

/** The commands that one activation remembers. */
export class CommandMemory {
  readonly #stored: Map<string, StoredCommand>;
  readonly #running = new Map<string, RunningCommand>();
  readonly #gauge: CommandGauge;

  constructor(stored: ReadonlyMap<string, StoredCommand> | undefined, gauge: CommandGauge) {
    this.#stored = new Map(stored);
    this.#gauge = gauge;
  }

  /** What to do with a call that brings an id; `run` also notes that it runs now. */
  decide(message: Message, id: string, hash: number, wallMs: number): CommandDecision {
    this.#expire(wallMs);
    const command = this.#stored.get(id);
    if (command) {
      if (command.inputHash !== hash) return conflict(id);
      return { kind: 'answer', command };
    }
    const running = this.#running.get(id);
    if (running) {
      if (running.inputHash !== hash) return conflict(id);
      running.waiting.push(message);
      return { kind: 'wait' };
    }
    this.#running.set(id, { inputHash: hash, waiting: [] });
    return { kind: 'run' };
  }

  /** Hash of the input that runs under this id. */
  runningHash(id: string): number | undefined {
    return this.#running.get(id)?.inputHash;
  }

  /** Notes the outcome, and gives those that waited for it. */
  settle(id: string, command: StoredCommand | undefined): readonly Message[] {
    const running = this.#running.get(id);
    this.#running.delete(id);
    if (command) {
      this.#stored.set(id, command);
      if (this.#stored.size > COMMANDS_KEPT) this.#dropOldest(command.wallMs);
    }
    return running?.waiting ?? [];
  }

  forget(): void {
    this.#stored.clear();
  }

  /** Those that wait for commands that will not settle here any more. */
  takeWaiting(): readonly Message[] {
    const waiting = [...this.#running.values()].flatMap((running) => running.waiting);
    this.#running.clear();
    return waiting;
  }

  #expire(wallMs: number): void {
    for (const [id, command] of this.#stored) {
      if (isCommandKept(command, wallMs)) break; // insertion order is time order
      this.#stored.delete(id);
    }
  }

  #dropOldest(nowWallMs: number): void {
    const oldest = this.#stored.values().next();
    if (oldest.done) return;
    this.#stored.delete(oldest.value.id);
    // The count has cut the window short: whoever sends that command again now runs it again (P5).
    if (isCommandKept(oldest.value, nowWallMs)) this.#gauge.commandsCutShort += 1;
  }
}

function conflict(id: string): CommandDecision {
  const commandId = id.slice(id.indexOf('\u0000') + 1);
  return { kind: 'refused', error: new GrainError('ERR_COMMAND_CONFLICT', { commandId }) };
}

export function storedCommand(
  id: string,
  hash: number,
  wallMs: number,
  outcome: { readonly output: unknown } | { readonly error: GrainError },
): StoredCommand {
  if ('error' in outcome) {
    const { code, message } = outcome.error;
    return { id, inputHash: hash, wallMs, outcome: { kind: 'error', code, message: message.slice(0, 500) } };
  }
  const { output } = outcome;
  const isKept = isSmall(output);
  return {
    id,
    inputHash: hash,
    wallMs,
    outcome: isKept ? { kind: 'result', output: copyValue(output) } : { kind: 'done' },
  };
}

function isSmall(output: unknown): boolean {
  if (typeof output === 'string') return output.length <= OUTPUT_KEPT_BYTES;
  return typeof output !== 'object' || toJson(output).length <= OUTPUT_KEPT_BYTES;
}

/** Tells a remembered outcome to an envelope. A body that was not kept reads as `{ done: true }`. */
export function answerCommand(envelope: Envelope, { outcome }: StoredCommand): void {
  if (outcome.kind === 'result') envelope.resolve(copyValue(outcome.output));
  else if (outcome.kind === 'done') envelope.resolve({ done: true });
  else {
    const code = isErrorCode(outcome.code) ? outcome.code : 'ERR_FLOW_FAILED';
    envelope.reject(new GrainError(code, { message: outcome.message }));
  }
}
