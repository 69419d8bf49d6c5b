// The host is killed, stopped and reloaded in the middle of everything; clients use the real library, which comes back
// by itself. What was acknowledged is there once, in its order (hazards.md 3, 4 and 22).
import assert from 'node:assert/strict';
import path from 'node:path';
import {
  connect,
  type EventStream,
  type GranaryClient,
  type Subscription,
} from '../../gateway/client/node.ts';
import { randomBelow, SeededRng } from '../../lib/index.ts';
import { codeOf } from '../gateway/http/support.ts';
import { callFlow, Cleanup, eventually, HostProcess, realHost, Relay } from '../support/real-host.ts';
import { ledger, tally } from './cores.ts';

const AUTHORS = ['ann', 'bob', 'cid', 'dan'];
const ACCOUNTS = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7'];
/** Events that each author keeps on the way. */
const UNDER_WAY = 50;

interface Ledger {
  readonly count: number;
  readonly entries: readonly { readonly by: string; readonly n: number }[];
}

/** Sends events without end, each numbered by itself, and notes what was acknowledged. */
class Author {
  readonly name: string;
  readonly client: GranaryClient;
  /** By account: how many were sent. */
  readonly sent = new Map<string, number>();
  readonly acked = new Map<string, Set<number>>();
  readonly problems: unknown[] = [];
  readonly #stream: EventStream;
  readonly #rng: SeededRng;
  ackedCount = 0;
  isStopped = false;

  constructor(name: string, port: number, seed: number) {
    this.name = name;
    this.#rng = new SeededRng(seed);
    const options = { reconnectFirstMs: 5, reconnectMostMs: 50 };
    this.client = connect(`http://127.0.0.1:${port}`, options);
    this.#stream = this.client.events();
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: UNDER_WAY }, () => this.#sendOnAndOn()));
  }

  async #sendOnAndOn(): Promise<void> {
    while (!this.isStopped) {
      const account = ACCOUNTS[randomBelow(this.#rng, ACCOUNTS.length)] ?? '';
      const n = (this.sent.get(account) ?? 0) + 1;
      this.sent.set(account, n);
      try {
        await this.#stream.send('ledger', account, 'entry', { account, by: this.name, n });
        this.ackedCount += 1;
        let acked = this.acked.get(account);
        if (!acked) this.acked.set(account, (acked = new Set()));
        acked.add(n);
      } catch (thrown) {
        this.problems.push(thrown);
      }
    }
  }
}

/** Each author's entries of each account are 1, 2, 3 … without a hole, a double or a turn; all acknowledged are there. */
async function checkLedgers(port: number, authors: readonly Author[]): Promise<number> {
  let total = 0;
  for (const account of ACCOUNTS) {
    const { body, text } = await callFlow({ port }, 'ledger', account, 'read');
    const { count, entries } = (body?.data ?? assert.fail(text)) as Ledger;
    assert.equal(entries.length, count, 'values and lists are of one commit');
    total += count;
    for (const author of authors) {
      const numbers = entries.filter(({ by }) => by === author.name).map(({ n }) => n);
      assert.deepEqual(
        numbers,
        numbers.map((_n, at) => at + 1),
        `${author.name} in ${account}`,
      );
      const acked = author.acked.get(account) ?? new Set();
      assert.ok(
        numbers.length >= acked.size,
        `${account}: ${acked.size} of ${author.name} acknowledged, ${numbers.length} there`,
      );
      assert.ok(Math.max(0, ...acked) <= numbers.length);
    }
  }
  return total;
}

describe('Hostile ends', () => {
  const cleanup = new Cleanup();

  afterEach(() => cleanup.run());

  it('kill -9 in the middle of 200 events under way, five times: every acknowledged event is there once, in order', async function () {
    this.timeout(60_000);
    const data = path.join(cleanup.folder(), 'data');
    const relay = await Relay.start(cleanup);
    const authors = AUTHORS.map((name, at) => new Author(name, relay.port, at));
    for (const { client } of authors) cleanup.add(() => client.close());
    const rng = new SeededRng(1);
    const caller = new Caller(relay.port);
    const watcher = authors[0]?.client.core('ledger').subscribe('a0', { from: '0.0', event: 'recorded' });
    assert.ok(watcher);
    const seen = new Watcher(watcher);
    cleanup.add(() => watcher.return());
    let running: Promise<unknown> = Promise.resolve();
    for (let round = 0; round < 5; round += 1) {
      const host = await HostProcess.start(cleanup, { data });
      relay.pointAt(host.port);
      if (round === 0) running = Promise.all([...authors.map((author) => author.run()), caller.run()]);
      const before = authors.map(({ ackedCount }) => ackedCount);
      const wanted = 50 + randomBelow(rng, 300);
      await eventually(
        () => Promise.resolve(),
        () => authors.every(({ ackedCount }, at) => ackedCount >= (before[at] ?? 0) + wanted),
      );
      await host.kill();
      relay.pointAt(undefined);
    }
    const host = await HostProcess.start(cleanup, { data });
    relay.pointAt(host.port);
    for (const author of authors) author.isStopped = true;
    caller.isStopped = true;
    await running;
    assert.deepEqual(
      authors.flatMap(({ problems }) => problems),
      [],
    );
    for (const { client } of authors) {
      const counts = await client.events().flush();
      assert.deepEqual([counts.refused, counts.unknown], [0, 0]);
    }
    const total = await checkLedgers(host.port, authors);
    const sent = authors
      .flatMap((author) => [...author.sent.values()])
      .reduce((sum, count) => sum + count, 0);
    assert.equal(total, sent, 'everything that was sent took effect once');
    await caller.check(host.port);
    // The subscription saw every emission once, in order, through all ends; or was told of the hole.
    const { body } = await callFlow(host, 'ledger', 'a0', 'read');
    const { entries } = body?.data as Ledger;
    await eventually(
      () => Promise.resolve(),
      () => seen.last >= entries.length,
    );
    assert.deepEqual(seen.problems, []);
  });

  it('SIGTERM under load: it drains, ends with 0, and its successor has everything that was acknowledged', async function () {
    this.timeout(30_000);
    const data = path.join(cleanup.folder(), 'data');
    const relay = await Relay.start(cleanup);
    const authors = AUTHORS.map((name, at) => new Author(name, relay.port, at + 10));
    for (const { client } of authors) cleanup.add(() => client.close());
    let running: Promise<unknown> = Promise.resolve();
    for (let round = 0; round < 2; round += 1) {
      const host = await HostProcess.start(cleanup, { data });
      relay.pointAt(host.port);
      if (round === 0) running = Promise.all(authors.map((author) => author.run()));
      const before = authors.map(({ ackedCount }) => ackedCount);
      await eventually(
        () => Promise.resolve(),
        () => authors.every(({ ackedCount }, at) => ackedCount >= (before[at] ?? 0) + 200),
      );
      const calls = Array.from({ length: 20 }, (_none, at) =>
        callFlow(relay, 'ledger', `last ${at}`, 'record', {
          account: `last ${at}`,
          by: 'http',
          n: round,
        }).catch(() => undefined),
      );
      assert.equal(await host.terminate(), 0);
      relay.pointAt(undefined);
      // Calls that came too late were told so; none of them was left without an answer and with an effect.
      for (const answer of await Promise.all(calls)) {
        if (answer)
          assert.ok(['ok', 'ERR_SILO_DRAINING', 'ERR_GRAIN_MOVED'].includes(codeOf(answer)), answer.text);
      }
    }
    const host = await HostProcess.start(cleanup, { data });
    relay.pointAt(host.port);
    for (const author of authors) author.isStopped = true;
    await running;
    assert.deepEqual(
      authors.flatMap(({ problems }) => problems),
      [],
    );
    const total = await checkLedgers(host.port, authors);
    const sent = authors
      .flatMap((author) => [...author.sent.values()])
      .reduce((sum, count) => sum + count, 0);
    assert.equal(total, sent);
    assert.equal(await host.terminate(), 0);
  });

  it('Cores reloaded 20 times under load: no event is lost, doubled or refused, no call fails as executed', async function () {
    this.timeout(30_000);
    const real = await realHost(cleanup, [ledger, tally]);
    const authors = AUTHORS.map((name, at) => new Author(name, real.port, at + 20));
    for (const { client } of authors) cleanup.add(() => client.close());
    const running = Promise.all(authors.map((author) => author.run()));
    let applied = 0;
    let isOver = false;
    const callers = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const answer = await callFlow(real, 'tally', undefined, 'add');
        if (codeOf(answer) === 'ok') applied += 1;
        else assert.equal(answer.body?.error?.effect, 'none', answer.text);
      }
    });
    for (let round = 0; round < 20; round += 1) {
      const before = authors.reduce((sum, { ackedCount }) => sum + ackedCount, 0);
      await eventually(
        () => Promise.resolve(),
        () => authors.reduce((sum, { ackedCount }) => sum + ackedCount, 0) > before + 50,
      );
      await Promise.all([real.host.silo.replace(ledger), real.host.silo.replace(tally)]);
    }
    isOver = true;
    for (const author of authors) author.isStopped = true;
    await Promise.all([running, ...callers]);
    assert.deepEqual(
      authors.flatMap(({ problems }) => problems),
      [],
    );
    const total = await checkLedgers(real.port, authors);
    const sent = authors
      .flatMap((author) => [...author.sent.values()])
      .reduce((sum, count) => sum + count, 0);
    assert.equal(total, sent);
    assert.equal((await callFlow(real, 'tally', undefined, 'read')).body?.data, applied);
    assert.deepEqual(real.errors(), []);
  });

  it('a cable that is cut again and again: every event once, in order, none reported as unknown', async function () {
    this.timeout(30_000);
    const real = await realHost(cleanup, [ledger]);
    const relay = await Relay.start(cleanup);
    relay.pointAt(real.port);
    const authors = AUTHORS.map((name, at) => new Author(name, relay.port, at + 30));
    for (const { client } of authors) cleanup.add(() => client.close());
    const running = Promise.all(authors.map((author) => author.run()));
    for (let round = 0; round < 30; round += 1) {
      const before = authors.map(({ ackedCount }) => ackedCount);
      await eventually(
        () => Promise.resolve(),
        () => authors.every(({ ackedCount }, at) => ackedCount > (before[at] ?? 0) + 10),
      );
      relay.cut();
    }
    for (const author of authors) author.isStopped = true;
    await running;
    assert.deepEqual(
      authors.flatMap(({ problems }) => problems),
      [],
    );
    const total = await checkLedgers(real.port, authors);
    const sent = authors
      .flatMap((author) => [...author.sent.values()])
      .reduce((sum, count) => sum + count, 0);
    assert.equal(total, sent);
    assert.deepEqual(real.errors(), []);
  });
});

/** Calls over HTTP with command ids, each tried until it is answered. */
class Caller {
  readonly #port: number;
  #count = 0;
  isStopped = false;

  constructor(port: number) {
    this.#port = port;
  }

  async run(): Promise<void> {
    while (!this.isStopped) {
      const n = this.#count + 1;
      const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': `call-${n}` };
      const input = { account: 'http', by: 'caller', n };
      await eventually(
        () => callFlow({ port: this.#port }, 'ledger', 'http', 'record', input, { headers }),
        (answer) => codeOf(answer) === 'ok',
      );
      this.#count = n;
    }
  }

  async check(port: number): Promise<void> {
    const { body } = await callFlow({ port }, 'ledger', 'http', 'read');
    const { entries } = body?.data as Ledger;
    assert.deepEqual(
      entries.map(({ n }) => n),
      Array.from({ length: this.#count }, (_none, at) => at + 1),
      'each command ran once',
    );
  }
}

/** Counts emissions, and notes where one is missing or there twice. */
class Watcher {
  readonly problems: string[] = [];
  last = 0;

  constructor(subscription: Subscription) {
    void this.#watch(subscription).catch((thrown: unknown) => this.problems.push(String(thrown)));
  }

  async #watch(subscription: Subscription): Promise<void> {
    for await (const item of subscription) {
      if (item.kind === 'gap') this.problems.push(`gap after ${this.last}`);
      else if (item.n !== this.last + 1) this.problems.push(`${item.n} after ${this.last}`);
      else this.last = item.n;
    }
  }
}
