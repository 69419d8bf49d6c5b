// One seeded run of one silo: clients stream events and call, the process crashes and restarts, its disk fails; then
// everything is healed, and the history is checked against what the clients were told.
//   Checked: P1 (history of one writer), P3 (what was acknowledged is there), P4 (every call ends), P5 (a command id runs
//   once), P6 (emissions without holes), P7 (reminders fire), exactly-once events in order, the bus, and the output gate.
import { MemoryDirectory } from '../../directory/index.ts';
import { GrainError, type Logger, randomBelow, randomOf } from '../../lib/index.ts';
import { PromiseEnvelope, Silo, type Subscription } from '../../silo/index.ts';
import type { GrainStorage } from '../../silo/internal.ts';
import { MemoryStorage } from '../../silo/index.ts';
import { simCores, type SimEvent } from './sim-cores.ts';
import { SimClient, type Verdict } from './sim-session.ts';
import { SimProcess } from './sim-process.ts';
import { SimWorld } from './sim-world.ts';
import { slowStorage } from './slow-storage.ts';

const BOOKS = ['a', 'b', 'c'] as const;
const CLIENTS = 2;
const EVENTS_EACH = 14;
const COMMANDS = 6;
const STEPS_MAX = 60_000;
const CALL_MS = 5_000;

/** Faults that are planted on purpose, to see a checker find them. */
export interface PlantedFault {
  /** Breaks the storage as the silo sees it. */
  readonly storage: (storage: GrainStorage) => GrainStorage;
}

interface Command {
  readonly id: string;
  readonly book: string;
  state: 'unsent' | 'open' | 'unknown' | 'done';
}

export interface RunReport {
  readonly violations: readonly string[];
  readonly steps: number;
  readonly crashes: number;
  readonly history: readonly string[];
}

interface StorageParts {
  readonly directory: MemoryDirectory;
  readonly clock: SimProcess;
  readonly durability: { readonly flush: (run: () => void) => void };
}

interface BookHistory {
  readonly count: number;
  readonly applied: readonly string[];
  readonly commands: Readonly<Record<string, number>>;
  readonly ticks: number;
}

class SiloRun {
  readonly #world: SimWorld;
  readonly #clients: readonly SimClient[];
  readonly #commands: readonly Command[];
  readonly #violations: string[] = [];
  readonly #history: string[] = [];
  readonly #planted: PlantedFault | undefined;
  /** The highest count that any reply showed, per book: it may never be less again. */
  readonly #counts = new Map<string, number>();
  /** What subscribers were pushed, by book and `cursor`: it may never differ. */
  readonly #pushed = new Map<string, string>();
  readonly #cursors = new Map<string, string>();
  readonly #open = new Map<PromiseEnvelope, string>();
  #epoch = 0;
  #storage: MemoryStorage;
  #process: SimProcess;
  #silo: Silo;
  #crashes = 0;
  #reminded = false;
  #isFaulty = true;
  /** The first start has finished: until then nobody knows of the silo. */
  #hasStarted = false;

  constructor(seed: number, planted: PlantedFault | undefined) {
    this.#world = new SimWorld(seed);
    this.#planted = planted;
    this.#clients = Array.from({ length: CLIENTS }, (_unused, index) => new SimClient(`client-${index}`));
    this.#commands = Array.from({ length: COMMANDS }, (_unused, index) => ({
      id: `command-${index}`,
      book: BOOKS[index % BOOKS.length] ?? 'a',
      state: 'unsent' as const,
    }));
    this.#process = new SimProcess(this.#world);
    this.#storage = new MemoryStorage(this.#storageOptions(this.#process));
    this.#silo = this.#boot();
  }

  #storageOptions(process: SimProcess): StorageParts {
    const directory = new MemoryDirectory({ nextEpoch: () => ++this.#epoch });
    const flush = (run: () => void): void => this.#world.addTask(process, 'disk', run);
    return { directory, clock: process, durability: { flush } };
  }

  #boot(): Silo {
    const process = this.#process;
    const storage = this.#planted?.storage(this.#storage) ?? this.#storage;
    const slow = slowStorage(storage, () => process.pause('network'));
    const { rng } = this.#world;
    const parts = { storage: slow, clock: process, rng, log: this.#log(), clusterKey: '00', generation: 'g' };
    const silo = new Silo(parts, { drainMs: 1_000 });
    for (const core of Object.values(simCores(() => process.pause('user')))) silo.host(core);
    silo.start().then(
      () => this.#started(silo, process),
      (error: unknown) => this.#note(`start failed: ${String(error)}`),
    );
    return silo;
  }

  /** Only now is it in the world: as a host opens its gateway after its silo has started. */
  #started(silo: Silo, process: SimProcess): void {
    if (process !== this.#process) return;
    this.#note('started');
    this.#hasStarted = true;
    for (const client of this.#clients) client.attach(silo, process);
    for (const book of BOOKS) this.#subscribe(silo, book);
  }

  /** What the silo calls an error is a broken invariant of ours: no fault of the world may cause one. */
  #log(): Logger {
    const note = (fields: object, message: string): void => this.#note(`${message} ${describe(fields)}`);
    const error = (fields: object, message: string): void => {
      this.#violations.push(`the silo said: ${message} ${describe(fields)}`);
    };
    return { debug: () => {}, info: () => {}, warn: note, error };
  }

  #note(text: string): void {
    this.#history.push(`${this.#world.stepCount} ${this.#world.nowMs.toFixed(0)}ms ${text}`);
  }

  // --- what happens ------------------------------------------------------------------------------------------------

  async run(): Promise<RunReport> {
    const { rng } = this.#world;
    const calm = 200 + randomBelow(rng, 1_200);
    while (this.#world.stepCount < calm) {
      this.#act();
      await this.#world.step();
    }
    await this.#heal();
    await this.#checkAll();
    const { stepCount: steps } = this.#world;
    return { violations: this.#violations, steps, crashes: this.#crashes, history: this.#history };
  }

  #act(): void {
    const { rng } = this.#world;
    const dice = rng.next();
    if (!this.#hasStarted && dice < 0.1) return;
    if (dice < 0.045) this.#pushEvent();
    else if (dice < 0.08) this.#sendCommand();
    else if (dice < 0.1) this.#read();
    else if (dice < 0.108) this.#crash();
    else if (dice < 0.112) this.#fault();
    else if (dice < 0.12) this.#reattach();
    else if (dice < 0.125) this.#remind();
  }

  #pushEvent(): void {
    const { rng } = this.#world;
    const client = randomOf(rng, this.#clients);
    if (!client || client.events.length >= EVENTS_EACH) return;
    const event: SimEvent = {
      id: `${client.name}:${client.events.length + 1}`,
      book: randomOf(rng, BOOKS) ?? 'a',
      pauses: rng.next() < 0.5,
      throws: rng.next() < 0.15,
      calls: rng.next() < 0.3,
    };
    this.#note(`event ${event.id} to ${event.book}${event.throws ? ' (throws)' : ''}`);
    client.push(event);
  }

  #sendCommand(): void {
    const command = this.#commands.find(({ state }) => state === 'unsent' || state === 'unknown');
    if (!command) return;
    this.#note(`${command.id} to ${command.book} (${command.state})`);
    command.state = 'open';
    this.#call('command', command.book, { id: command.id }, command.id).then(
      (count) => {
        command.state = 'done';
        this.#sawCount(command.book, count);
      },
      (error: unknown) => {
        if (command.state === 'open') command.state = 'unknown';
        this.#note(
          `${command.id}: ${String(error)} ${error instanceof Error && error.cause instanceof Error ? error.cause.message : ''}`,
        );
      },
    );
  }

  #read(): void {
    const book = randomOf(this.#world.rng, BOOKS) ?? 'a';
    const floor = this.#counts.get(book) ?? 0;
    this.#call('read', book, undefined, undefined).then(
      (count) => {
        if (typeof count === 'number' && count < floor) {
          this.#violations.push(`${book}: read ${count} after a reply had shown ${floor}`);
        }
        this.#sawCount(book, count);
      },
      () => undefined,
    );
  }

  #sawCount(book: string, count: unknown): void {
    // A remembered command answers with the count of its own time, which may be lower than what was seen since.
    if (typeof count === 'number') this.#counts.set(book, Math.max(count, this.#counts.get(book) ?? 0));
  }

  #remind(): void {
    if (this.#reminded) return;
    this.#call('remind', 'a', undefined, undefined).then(
      () => {
        this.#note('reminder set');
        this.#reminded = true;
      },
      () => undefined,
    );
  }

  #call(flow: string, book: string, input: unknown, commandId: string | undefined): Promise<unknown> {
    const envelope = new PromiseEnvelope();
    envelope.core = 'ledger';
    envelope.key = book;
    envelope.flow = flow;
    envelope.input = input;
    envelope.principal = 'caller';
    envelope.commandId = commandId;
    envelope.deadlineMs = this.#world.nowMs + CALL_MS;
    this.#open.set(envelope, `${flow} ${book}`);
    const done = (): boolean => this.#open.delete(envelope);
    envelope.promise.then(done, done);
    this.#silo.dispatch(envelope);
    return envelope.promise;
  }

  #fault(): void {
    if (!this.#isFaulty) return;
    const fault =
      randomOf(this.#world.rng, ['none', 'unknown_stored', 'unknown_lost', 'claim'] as const) ?? 'none';
    this.#note(`fault ${fault}`);
    this.#storage.failNext(fault);
  }

  /** The connections break and come back; the process lives on. */
  #reattach(): void {
    this.#note('reattach');
    const client = randomOf(this.#world.rng, this.#clients);
    client?.attach(this.#silo, this.#process);
  }

  #crash(): void {
    const flushed = randomBelow(this.#world.rng, this.#storage.unflushed + 1);
    this.#note(`crash with ${this.#storage.unflushed} unflushed, ${flushed} of them on disk`);
    this.#crashes += 1;
    this.#process.isAlive = false;
    for (const client of this.#clients) client.detach();
    // Calls to a process that is gone: their callers cannot know.
    for (const envelope of [...this.#open.keys()]) envelope.reject(new GrainError('ERR_CALL_TIMEOUT'));
    this.#process = new SimProcess(this.#world);
    const { directory, clock, durability } = this.#storageOptions(this.#process);
    this.#storage = this.#storage.crash({ directory, clock, durability, flushed });
    this.#silo = this.#boot();
  }

  #subscribe(silo: Silo, book: string): Subscription {
    const from = this.#cursors.get(book) ?? '0.0';
    let last = Number(from.slice(from.lastIndexOf('.') + 1));
    return silo.subscribe(
      { tenant: 'default', core: 'ledger', key: book },
      { from, credit: Infinity },
      {
        push: ({ n, prev, cursor, data }) => {
          if (silo !== this.#silo) return;
          if (prev !== last) this.#violations.push(`${book}: push ${n} says prev ${prev} after ${last}`);
          last = n;
          const text = JSON.stringify(data);
          const known = this.#pushed.get(`${book} ${cursor}`);
          if (known !== undefined && known !== text) {
            this.#violations.push(`${book}: emission ${cursor} was ${known} and is ${text}`);
          }
          this.#pushed.set(`${book} ${cursor}`, text);
          this.#cursors.set(book, cursor);
        },
        gap: (fromCursor, to) => this.#violations.push(`${book}: gap from ${fromCursor} to ${to}`),
        end: (error) => {
          if (silo === this.#silo) this.#violations.push(`${book}: subscription ended: ${error.code}`);
        },
      },
    );
  }

  // --- afterwards --------------------------------------------------------------------------------------------------

  /** No more faults: everything that was begun has to come to its end. */
  async #heal(): Promise<void> {
    this.#isFaulty = false;
    if (this.#world.rng.next() < 0.5) this.#crash();
    const limit = this.#world.stepCount + STEPS_MAX;
    const untilMs = this.#world.nowMs + 120_000;
    while (this.#world.stepCount < limit && this.#world.nowMs < untilMs) {
      if (this.#commands.some(({ state }) => state === 'unsent' || state === 'unknown')) this.#sendCommand();
      if (!(await this.#world.step())) break;
    }
    for (const client of this.#clients) {
      if (!client.isDone)
        this.#violations.push(`${client.name}: stuck at ${client.acked} of ${client.events.length}`);
    }
    for (const [, what] of this.#open) this.#violations.push(`never settled: ${what}`);
    for (const { id, state } of this.#commands) {
      if (state !== 'done') this.#violations.push(`${id} is ${state}`);
    }
  }

  async #checkAll(): Promise<void> {
    const notes = ((await this.#ask('audit', 'one', 'all')) ?? {}) as Readonly<Record<string, number>>;
    const seen = ((await this.#ask('board', '', 'all')) ?? {}) as Readonly<Record<string, number>>;
    for (const book of BOOKS) await this.#checkBook(book, notes, seen);
    const pushedIds = [...this.#pushed.values()].map((text) => (JSON.parse(text) as { id: string }).id);
    if (new Set(pushedIds).size !== pushedIds.length) this.#violations.push('an event was emitted twice');
  }

  async #checkBook(
    book: string,
    notes: Readonly<Record<string, number>>,
    seen: Readonly<Record<string, number>>,
  ): Promise<void> {
    const history = (await this.#ask('ledger', book, 'history')) as BookHistory | undefined;
    if (!history) return; // said already
    const said = this.#violations;
    for (const client of this.#clients) {
      const expected = client.events
        .filter((event) => event.book === book && this.#verdictOf(client, event) === 'applied')
        .map(({ id }) => id);
      const applied = history.applied.filter((id) => id.startsWith(`${client.name}:`));
      if (applied.join() !== expected.join())
        said.push(`${book} applied [${applied}], sent were [${expected}]`);
      for (const event of client.events.filter((sent) => sent.book === book)) {
        this.#checkEvent(client, event, notes[event.id] ?? 0, seen[event.id] ?? 0);
      }
    }
    for (const [id, count] of Object.entries(history.commands))
      if (count !== 1) said.push(`${id} ran ${count} times`);
    const commandCount = this.#commands.filter((command) => command.book === book).length;
    if (Object.keys(history.commands).length !== commandCount)
      said.push(`${book}: commands ${JSON.stringify(history.commands)}`);
    const total = history.applied.length + commandCount;
    if (history.count !== total) said.push(`${book}: count is ${history.count}, history has ${total}`);
    if (history.count < (this.#counts.get(book) ?? 0)) {
      said.push(`${book}: count is ${history.count} after a reply had shown ${this.#counts.get(book)}`);
    }
    if (book === 'a' && this.#reminded && history.ticks < 1) said.push('the reminder never fired');
    if (history.ticks > 1 && this.#crashes === 0) said.push(`the reminder fired ${history.ticks} times`);
  }

  #verdictOf(client: SimClient, event: SimEvent): Verdict | undefined {
    return client.verdicts.get(client.events.indexOf(event) + 1);
  }

  #checkEvent(client: SimClient, event: SimEvent, noted: number, seen: number): void {
    const said = this.#violations;
    const verdict = this.#verdictOf(client, event);
    // A nested call that fails makes its caller throw, so only events without one have a verdict known in advance.
    const isFine = event.throws
      ? verdict === 'refused'
      : verdict === 'applied' || (event.calls && verdict === 'refused');
    if (!isFine) said.push(`${event.id} was told ${verdict ?? 'nothing'}`);
    if (noted > 1) said.push(`${event.id}: its nested call ran ${noted} times`);
    if (event.calls && verdict === 'applied' && noted !== 1)
      said.push(`${event.id}: its nested call ran ${noted} times`);
    const expected = verdict === 'applied' ? 1 : 0;
    if (seen !== expected) said.push(`${event.id} was told ${verdict}: the bus delivered it ${seen} times`);
  }

  /** Asks until it is answered: what was held back by earlier faults is let go in time. */
  async #ask(core: string, key: string, flow: string): Promise<unknown> {
    const untilMs = this.#world.nowMs + 300_000;
    for (;;) {
      const answer = this.#askOnce(core, key, flow);
      let outcome: { readonly value: unknown } | { readonly error: unknown } | undefined;
      answer.then(
        (value) => (outcome = { value }),
        (error: unknown) => (outcome = { error }),
      );
      for (let left = STEPS_MAX; left > 0 && !outcome; left -= 1) await this.#world.step();
      if (outcome && 'value' in outcome) return outcome.value;
      const failure = outcome ? String(outcome.error) : 'never settled';
      if (this.#world.nowMs < untilMs && outcome) continue;
      this.#violations.push(`${core}/${key} ${flow}: ${failure}`);
      return undefined;
    }
  }

  async #askOnce(core: string, key: string, flow: string): Promise<unknown> {
    const pause = new Promise<void>((resolve) => this.#process.setTimer(500, resolve));
    await pause;
    const ref = this.#silo.ref(core, key) as unknown as Record<string, () => Promise<unknown>>;
    return await ref[flow]?.();
  }
}

function describe(fields: object): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`)
    .join(' ');
}

/** Runs one seed. The same seed gives the same run. */
export async function runSilo(seed: number, planted?: PlantedFault): Promise<RunReport> {
  return await new SiloRun(seed, planted).run();
}
