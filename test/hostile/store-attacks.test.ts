// What happens to the folder: it is full, damaged, taken, or what is in it cannot be loaded. The process stays up where
// it can serve, and says why where it cannot.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { defineCore, entity, type MigrationStep } from '../../gateway/granary.ts';
import { randomBelow, SeededRng } from '../../lib/index.ts';
import { type Answer, ask, codeOf } from '../gateway/http/support.ts';
import { callFlow, Cleanup, HostProcess, join, realHost, spawnHost } from '../support/real-host.ts';
import { codeOf as frameCode } from '../support/stream-client.ts';
import { ledger, tally, villain } from './cores.ts';

describe('Hostile stores', () => {
  const cleanup = new Cleanup();

  afterEach(() => cleanup.run());

  async function fill(to: { readonly port: number }, data: number[]): Promise<Answer> {
    for (let n = 0; ; n += 1) {
      const answer = await callFlow(to, 'echo', `k${n}`, 'keep', `${n} ${'x'.repeat(100_000)}`);
      if (codeOf(answer) !== 'ok') return answer;
      data.push(n);
      assert.ok(n < 1_000, 'the disk never got full');
    }
  }

  it('a full disk: writes get a code, reads and the process go on, all that was acknowledged is there afterwards', async function () {
    this.timeout(30_000);
    const disk = path.join(cleanup.folder(), 'disk');
    mkdirSync(disk);
    const data = path.join(disk, 'data');
    const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]).status === 0;
    if (isMounted) cleanup.add(() => spawnSync('umount', ['--lazy', disk]));
    // Where no disk may be mounted, files that may not grow do the same.
    const before = isMounted ? undefined : 'trap "" XFSZ; ulimit -f 16384';
    const host = await HostProcess.start(cleanup, { data, before });
    const kept: number[] = [];
    const refused = await fill(host, kept);
    assert.match(codeOf(refused), /^ERR_STORE_(FULL|FAILED)$/);
    assert.equal(refused.body?.error?.effect, codeOf(refused) === 'ERR_STORE_FULL' ? 'none' : 'unknown');
    assert.ok(kept.length > 10);
    for (let time = 0; time < 3; time += 1) {
      const answer = await callFlow(host, 'echo', `more ${time}`, 'keep', 'x'.repeat(1_000_000));
      assert.match(codeOf(answer), /^ERR_STORE_(FULL|FAILED)$|^ERR_ACTIVATION_FAILED$/);
    }
    for (const n of [0, kept.length - 1]) {
      const { body } = await callFlow(host, 'echo', `k${n}`, 'recall');
      assert.match(String(body?.data), new RegExp(`^${n} `), 'what is there is read on');
    }
    assert.equal(codeOf(await ask(host, '/health')), 'ok');
    // An event is neither acknowledged nor refused: the store may have room again before its client gives up.
    const [client] = await join(cleanup, host);
    client.send({ t: 'event', seq: 1, core: 'echo', key: 'event', event: 'keep', data: 'e'.repeat(900_000) });
    assert.deepEqual(
      (await client.fence()).filter(({ t }) => t === 'ack' || t === 'nack'),
      [],
    );
    if (isMounted) {
      assert.equal(spawnSync('mount', ['-o', 'remount,size=32m', disk]).status, 0);
      await client.until(1);
      assert.equal(codeOf(await callFlow(host, 'echo', 'again', 'keep', 'y')), 'ok');
    }
    await host.kill();
    const next = await HostProcess.start(cleanup, { data });
    for (const n of kept) {
      const { body } = await callFlow(next, 'echo', `k${n}`, 'recall');
      assert.match(String(body?.data), new RegExp(`^${n} `), `k${n} of ${kept.length}`);
    }
    assert.equal(codeOf(await callFlow(next, 'echo', 'after', 'keep', 1)), 'ok');
    await next.kill();
  });

  it('two processes on one folder: the second is refused with a code and ends with 2, the first serves on', async function () {
    this.timeout(15_000);
    const data = path.join(cleanup.folder(), 'data');
    const first = await HostProcess.start(cleanup, { data });
    const second = spawnHost(cleanup, { data });
    assert.equal(await second.ended, 2);
    assert.match(second.err, /ERR_STORE_LOCKED/);
    assert.equal(codeOf(await callFlow(first, 'villain', 'v', 'ok')), 'ok');
    // Stopped is not gone: its lock holds.
    first.cli.kill('SIGSTOP');
    const third = spawnHost(cleanup, { data });
    assert.equal(await third.ended, 2);
    first.cli.kill('SIGCONT');
    assert.equal((await callFlow(first, 'villain', 'v', 'ok')).body?.data, 2);
    await first.kill();
    const fourth = await HostProcess.start(cleanup, { data });
    assert.equal((await callFlow(fourth, 'villain', 'v', 'ok')).body?.data, 3);
  });

  it('a store damaged in 9 ways: it opens with all it can, or refuses with a code; it never makes up memory', async function () {
    this.timeout(60_000);
    const data = path.join(cleanup.folder(), 'data');
    const host = await realHost(cleanup, [ledger], { data });
    const keys = Array.from({ length: 40 }, (_none, at) => `k${at}`);
    for (const key of keys) {
      for (let n = 1; n <= 3; n += 1)
        await callFlow(host, 'ledger', key, 'record', { account: key, by: 'x', n });
    }
    await host.stop();
    const file = path.join(data, 'data.mdb');
    const whole = readFileSync(file);
    const rng = new SeededRng(5);
    const harms: (() => void)[] = [
      () => writeFileSync(file, ''),
      () => truncateSync(file, Math.floor(whole.length / 2)),
      () => truncateSync(file, 100),
      () => writeFileSync(file, Buffer.alloc(whole.length)),
      () => writeFileSync(file, Buffer.alloc(whole.length, 0xff)),
      () => writeFileSync(path.join(data, 'granary.json'), '{"format":'),
      ...Array.from({ length: 3 }, () => () => {
        const handle = openSync(file, 'r+');
        for (let piece = 0; piece < 8; piece += 1) {
          const noise = Buffer.from(rng.hex(64), 'hex');
          writeSync(handle, noise, 0, noise.length, randomBelow(rng, whole.length - 64));
        }
        closeSync(handle);
      }),
    ];
    const marker = readFileSync(path.join(data, 'granary.json'));
    for (const [at, harm] of harms.entries()) {
      writeFileSync(file, whole);
      writeFileSync(path.join(data, 'granary.json'), marker);
      harm();
      // A process of its own: what LMDB makes of damaged pages may end the process that reads them.
      const cli = spawnHost(cleanup, { data });
      const isUp = await Promise.race([
        cli.saw(/^\{"url".*\}$/m).then(
          () => true,
          () => false,
        ),
        cli.ended.then(() => false),
      ]);
      if (!isUp) {
        assert.equal(await cli.ended, 2, `harm ${at}: ${cli.err}`);
        assert.match(cli.err, /ERR_STORE_(CORRUPT|LOST|FAILED|NEWER)/, `harm ${at}`);
        continue;
      }
      const [line = ''] = /^\{"url".*\}$/m.exec(cli.out) ?? [];
      const port = Number(new URL((JSON.parse(line) as { url: string }).url).port);
      for (const key of keys) {
        const answer = await callFlow({ port }, 'ledger', key, 'read');
        if (codeOf(answer) !== 'ok')
          assert.match(codeOf(answer), /^ERR_STORE_|^ERR_ACTIVATION_FAILED$/, `harm ${at}`);
        else {
          const { count, entries } = answer.body?.data as { count: number; entries: unknown[] };
          assert.equal(count, 3, `harm ${at}: ${key} lost its memory without a word`);
          assert.equal(entries.length, 3, `harm ${at}: ${key} lost its list without a word`);
        }
      }
      assert.equal(codeOf(await ask({ port }, '/health')), 'ok');
      cli.kill('SIGKILL');
      await cli.ended;
    }
  });

  it('an activation that keeps failing: held back for longer each time, not hammered; others and later repair work', async () => {
    const data = path.join(cleanup.folder(), 'data');
    const memory = { count: 0 };
    const instance = entity({ entityKey: 'name' });
    const before = defineCore({
      name: 'brittle',
      version: '1.0.0',
      instance,
      memory,
      events: { add: 'add' },
    });
    const flows = (flow: Parameters<Parameters<typeof before.flows>[0]>[0]) => ({
      add: flow({
        run(ctx) {
          ctx.memory.count += 1;
          return ctx.memory.count;
        },
      }),
    });
    const first = await realHost(cleanup, [before.flows(flows)], { data });
    assert.equal(codeOf(await callFlow(first, 'brittle', 'old', 'add')), 'ok');
    await first.stop();
    let tries = 0;
    let isBroken = true;
    const migrate = {
      2: (old: Readonly<Record<string, unknown>>) => {
        tries += 1;
        if (isBroken) throw new Error('cannot be migrated');
        return old;
      },
    };
    const spec = {
      name: 'brittle',
      version: '2.0.0',
      schema: 2,
      migrate,
      instance,
      memory,
      events: { add: 'add' },
    };
    const second = await realHost(cleanup, [defineCore(spec).flows(flows), tally], { data });
    const waits: number[] = [];
    for (let call = 0; call < 400; call += 1) {
      const answer = await callFlow(second, 'brittle', 'old', 'add');
      assert.equal(codeOf(answer), 'ERR_ACTIVATION_FAILED', answer.text);
      assert.equal(answer.body?.error?.effect, 'none');
      waits.push(Number(answer.body?.error?.details?.['failures']));
    }
    assert.ok(tries >= 1 && tries <= 12, `${tries} tries for 400 calls`);
    assert.ok((waits.at(-1) ?? 0) >= 1);
    const [client] = await join(cleanup, second);
    client.send({ t: 'event', seq: 1, core: 'brittle', key: 'old', event: 'add' });
    client.send({ t: 'event', seq: 2, core: 'tally', event: 'add' });
    assert.deepEqual(
      (await client.fence()).filter(({ t }) => t === 'nack'),
      [],
      'that passes, it is no refusal',
    );
    assert.equal(codeOf(await callFlow(second, 'brittle', 'new', 'add')), 'ok');
    assert.equal(codeOf(await callFlow(second, 'tally', undefined, 'read')), 'ok');
    isBroken = false;
    await client.until(2);
    assert.equal((await callFlow(second, 'brittle', 'old', 'add')).body?.data, 3);
    client.socket.terminate();
  });

  it('memory of a newer schema: its grains are refused, nothing is overwritten', async () => {
    const data = path.join(cleanup.folder(), 'data');
    const core = (schema: number, migrate: Readonly<Record<number, MigrationStep>>) =>
      defineCore({
        name: 'aged',
        version: '1.0.0',
        schema,
        migrate,
        instance: entity({ entityKey: 'name' }),
        memory: { count: 0 },
      }).flows((flow) => ({
        add: flow({
          run(ctx) {
            ctx.memory.count += 1;
            return ctx.memory.count;
          },
        }),
      }));
    const newer = core(2, { 2: (old) => old });
    const first = await realHost(cleanup, [newer], { data });
    await callFlow(first, 'aged', 'k', 'add');
    await first.stop();
    const second = await realHost(cleanup, [core(1, {})], { data });
    assert.equal(codeOf(await callFlow(second, 'aged', 'k', 'add')), 'ERR_SCHEMA_NEWER');
    await second.stop();
    const third = await realHost(cleanup, [newer], { data });
    assert.equal((await callFlow(third, 'aged', 'k', 'add')).body?.data, 2);
    await third.stop();
  });

  it('4,000 events that are refused, to one grain: remembered within bounds, and quickly', async function () {
    this.timeout(20_000);
    const real = await realHost(cleanup, [villain]);
    const [client] = await join(cleanup, real);
    let sent = 0;
    let upto = 1_000;
    for (let settled = 0; settled < 4_000;) {
      while (sent < 4_000 && sent < upto) {
        client.send({
          t: 'event',
          seq: ++sent,
          core: 'villain',
          key: 'nacked',
          event: 'throw',
          data: 'text',
        });
      }
      const frame = await client.next();
      if (frame.t === 'nack') settled = Number(frame['seq']);
      if (frame.t === 'credit') upto = Number(frame['upto']);
      if (frame.t === 'nack') assert.equal(frameCode(frame), 'ERR_FLOW_FAILED');
    }
    client.socket.terminate();
  });
});
