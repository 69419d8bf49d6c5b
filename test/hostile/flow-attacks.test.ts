// Flows that misbehave, reached over HTTP and WebSocket: their callers get a code, everybody else is served.
import assert from 'node:assert/strict';
import path from 'node:path';
import { ask, codeOf } from '../gateway/http/support.ts';
import { callFlow, Cleanup, HostProcess, join, realHost, type RealHost } from '../support/real-host.ts';
import { codeOf as frameCode } from '../support/stream-client.ts';
import { echo, tally, UNENCODABLE, villain } from './cores.ts';

const THROWN = ['', 'undefined', 'null', 'text', 'proxy', 'cycle', 'bad message', 'long message'];

describe('Hostile flows', () => {
  const cleanup = new Cleanup();
  let real: RealHost;

  before(async () => {
    real = await realHost(cleanup, [echo, villain, tally]);
  });

  after(() => cleanup.run());

  async function countOf(key: string): Promise<unknown> {
    return (await callFlow(real, 'villain', key, 'count')).body?.data;
  }

  for (const flow of ['throwIt', 'rejectIt']) {
    for (const what of THROWN) {
      it(`${flow} of ${what || 'an error'}: the caller gets ERR_FLOW_FAILED, nothing is kept, the grain goes on`, async () => {
        const key = `${flow} ${what}`;
        const answer = await callFlow(real, 'villain', key, flow, what);
        assert.equal(codeOf(answer), 'ERR_FLOW_FAILED');
        assert.equal(answer.body?.error?.effect, 'none');
        assert.ok(answer.text.length < 10_000, `${answer.text.length} characters of error`);
        assert.equal((await callFlow(real, 'villain', key, 'ok')).body?.data, 1);
        assert.deepEqual(real.errors(), []);
      });
    }
  }

  it('an event whose flow throws: nacked with its code in its place, sent again it is nacked again, never run', async () => {
    for (const what of THROWN) {
      const key = `event ${what}`;
      const [client, welcome] = await join(cleanup, real);
      const send = (to: typeof client): void =>
        to.send({ t: 'event', seq: 1, core: 'villain', key, event: 'throw', data: what });
      send(client);
      assert.equal(frameCode(await client.expect('nack')), 'ERR_FLOW_FAILED');
      client.socket.terminate();
      const [again] = await join(cleanup, real, {}, { session: welcome['session'], acked: 0 });
      send(again);
      const nack = await again.expect('nack');
      assert.equal(frameCode(nack), 'ERR_FLOW_FAILED', what);
      assert.ok(JSON.stringify(nack).length < 10_000);
      again.socket.terminate();
      assert.equal(await countOf(key), 0);
    }
  });

  it('a flow that never ends: ERR_TURN_TIMEOUT after its limit, then the grain goes on without its changes', async () => {
    const hung = callFlow(real, 'villain', 'hung', 'hang');
    const behind = Array.from({ length: 20 }, () => callFlow(real, 'villain', 'hung', 'ok'));
    assert.equal(codeOf(await hung), 'ERR_TURN_TIMEOUT');
    const numbers = (await Promise.all(behind)).map(({ body }) => Number(body?.data));
    assert.deepEqual(
      numbers.sort((left, right) => left - right),
      Array.from({ length: 20 }, (_none, at) => at + 1),
    );
    const [client] = await join(cleanup, real);
    client.send({ t: 'event', seq: 1, core: 'villain', key: 'hung', event: 'hang' });
    assert.equal(frameCode(await client.expect('nack')), 'ERR_TURN_TIMEOUT');
    assert.equal(await countOf('hung'), 20);
    client.socket.terminate();
  });

  for (const flow of ['block', 'blockLater']) {
    it(`${flow}: a flow that holds the loop for 1 s: others are served after it, and the process says which flow it was`, async () => {
      const blocked = callFlow(real, 'villain', flow, flow, 1_000);
      const others = Array.from({ length: 20 }, (_none, at) =>
        callFlow(real, 'villain', `other ${at}`, 'ok'),
      );
      for (const answer of await Promise.all([blocked, ...others])) assert.equal(codeOf(answer), 'ok');
      const { body } = await ask(real, '/v1/cluster');
      const [silo] = (
        body?.data as { silos: { slowest: { core: string; key: string; flow: string; ms: number }[] }[] }
      ).silos;
      const slowest = silo?.slowest.find((turn) => turn.flow === flow);
      assert.ok(slowest && slowest.ms >= 1_000 && slowest.key === flow, JSON.stringify(silo?.slowest));
      const line = real.log.lines.find(
        ({ message, fields }) => message === 'loop.blocked' && fields['flow'] === flow,
      );
      assert.ok(line, 'no log line names the flow');
      assert.equal(line.fields['grain'], `default/villain/${flow}`);
    });
  }

  it('results that cannot be encoded: each gets a code that says what, over HTTP and both encodings of the stream', async () => {
    const clients = await Promise.all(
      [false, true].map(async (isBinary) => (await join(cleanup, real, { isBinary }))[0]),
    );
    for (const name of Object.keys(UNENCODABLE)) {
      for (const flow of ['returns', 'returnsLater']) {
        const answer = await callFlow(real, 'villain', 'returns', flow, name);
        const expected = ['getter', 'proxy'].includes(name)
          ? ['ERR_OUTPUT_INVALID', 'ERR_FLOW_FAILED']
          : ['ERR_OUTPUT_INVALID'];
        assert.ok(expected.includes(codeOf(answer)), `${flow} ${name}: ${answer.text.slice(0, 200)}`);
        assert.equal(answer.body?.error?.effect, 'none');
        for (const client of clients) {
          client.send({ t: 'call', id: 1, core: 'villain', key: 'returns', flow, input: name });
          const code = String(frameCode(await client.expect('error')));
          assert.ok(expected.includes(code), `${flow} ${name}: ${code}`);
        }
      }
    }
    for (const client of clients) client.socket.terminate();
    assert.deepEqual(real.errors(), []);
  });

  it('memory, map entries, list items, emissions and details that cannot be stored: a code, and nothing is kept', async () => {
    for (const name of Object.keys(UNENCODABLE)) {
      for (const flow of ['keeps', 'stashes', 'piles', 'emits', 'refuses']) {
        const answer = await callFlow(real, 'villain', `kept ${flow}`, flow, name);
        // What throws while it is looked at is the flow's own failure.
        const isItself = ['getter', 'proxy'].includes(name) && codeOf(answer) === 'ERR_FLOW_FAILED';
        const isRefused = codeOf(answer) === 'ERR_VALUE_INVALID';
        assert.ok(isItself || isRefused, `${flow} ${name}: ${answer.text.slice(0, 200)}`);
        assert.equal(await countOf(`kept ${flow}`), 0, `${flow} ${name}`);
      }
    }
    assert.deepEqual(real.errors(), []);
  });

  it('results of 100 MB over HTTP, and of 20 MB over the stream, twice its bound: told whole, others are served', async function () {
    this.timeout(20_000);
    const bytes = 100 * 1024 * 1024;
    const answer = await callFlow(real, 'villain', 'large', 'returnsText', bytes);
    assert.equal(codeOf(answer), 'ok');
    assert.equal(answer.text.length, bytes + '{"status":"ok","data":""}'.length);
    const [client] = await join(cleanup, real);
    for (let id = 1; id <= 2; id += 1) {
      client.send({ t: 'call', id, core: 'villain', key: 'large', flow: 'returnsText', input: 20_000_000 });
      assert.equal(String((await client.expect('result'))['output']).length, 20_000_000);
    }
    client.socket.terminate();
    assert.equal(codeOf(await callFlow(real, 'villain', 'large', 'ok')), 'ok');
  });

  it('a flow that calls itself: a cycle found at once, not a wait for its time limit', async () => {
    const answer = await callFlow(real, 'villain', 'self', 'callsItself');
    assert.equal(codeOf(answer), 'ERR_FLOW_FAILED');
    assert.match(answer.body?.error?.message ?? '', /itself|cycle/i);
  });

  describe('in a process of its own', () => {
    it('rejections and exceptions that nobody handles: logged by name, the process and its grains live', async function () {
      this.timeout(20_000);
      const data = path.join(cleanup.folder(), 'data');
      const child = await HostProcess.start(cleanup, { data });
      for (let round = 1; round <= 3; round += 1) {
        for (const flow of ['rejectsLater', 'throwsLater', 'usesCtxLater']) {
          assert.equal(codeOf(await callFlow(child, 'villain', flow, flow)), 'ok', flow);
        }
      }
      await child.cli.saw(/"promise\.unhandled"/);
      await child.cli.saw(/a promise that nobody awaits/);
      await child.cli.saw(/"exception\.uncaught"/);
      await child.cli.saw(/a timer of a flow/);
      await child.cli.saw(/ERR_TURN_ENDED/);
      assert.equal(codeOf(await callFlow(child, 'villain', 'abort', 'throwsAtAbort')), 'ERR_TURN_TIMEOUT');
      await child.cli.saw(/a listener of the signal/);
      for (const [key, count] of [
        ['rejectsLater', 3],
        ['throwsLater', 3],
        ['usesCtxLater', 0],
      ] as const) {
        assert.equal((await callFlow(child, 'villain', key, 'count')).body?.data, count, key);
      }
      assert.equal(await child.terminate(), 0);
    });

    it('values of 100 MB in memory: refused or kept, the process lives within its heap', async function () {
      this.timeout(20_000);
      const data = path.join(cleanup.folder(), 'data');
      const child = await HostProcess.start(cleanup, { data, heapMb: 1_000 });
      const answer = await callFlow(child, 'villain', 'hoard', 'keepsText', 100 * 1024 * 1024);
      assert.ok(
        ['ok', 'ERR_VALUE_INVALID', 'ERR_STORE_FULL'].includes(codeOf(answer)),
        answer.text.slice(0, 300),
      );
      assert.equal(codeOf(await callFlow(child, 'villain', 'hoard', 'ok')), 'ok');
      assert.equal(await child.terminate(), 0);
    });
  });
});
