// Callers who take others' sessions, command ids, keys and tenants (hazards.md 10, 11 and 18).
import assert from 'node:assert/strict';
import path from 'node:path';
import { CLOSE } from '../../gateway/internal.ts';
import { type Answer, ask, codeOf } from '../gateway/http/support.ts';
import { callFlow, Cleanup, flowPath, join, realHost, type RealHost } from '../support/real-host.ts';
import { codeOf as frameCode, type Frame, StreamClient } from '../support/stream-client.ts';
import { echo, ledger, tally, villain } from './cores.ts';

const TOKENS = [
  { token: 'ann-secret', principal: 'ann' },
  { token: 'ann-other', principal: 'ann' },
  { token: 'eve-secret', principal: 'eve' },
  { token: 'eve-abroad', principal: 'ann', tenant: 'elsewhere' },
  { token: 'narrow', principal: 'nat', cores: ['echo'] },
  { token: 'root', principal: 'root', rights: ['call', 'admin'] as const, anyTenant: true },
];

const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

describe('Hostile identities', () => {
  const cleanup = new Cleanup();
  let real: RealHost;

  before(async () => {
    real = await realHost(cleanup, [echo, ledger, villain, tally], { tokens: TOKENS });
  });

  after(() => cleanup.run());

  function call(
    token: string,
    key: string,
    n: number,
    id: string,
    to: { readonly port: number } = real,
  ): Promise<Answer> {
    const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': id, ...bearer(token) };
    return callFlow(to, 'ledger', key, 'record', { account: key, by: token, n }, { headers });
  }

  async function entriesOf(key: string, to: { readonly port: number } = real): Promise<number> {
    const { body } = await callFlow(to, 'ledger', key, 'read', null, {
      headers: { 'Content-Type': 'application/json', ...bearer('ann-secret') },
    });
    return (body?.data as { count: number }).count;
  }

  async function joinAs(token: string, hello: object = {}): Promise<[StreamClient, Frame]> {
    return await join(cleanup, real, { headers: bearer(token) }, hello);
  }

  function event(seq: number, key: string): object {
    return { t: 'event', seq, core: 'ledger', key, event: 'entry', data: { account: key, by: 'me', n: seq } };
  }

  describe('sessions', () => {
    it('another principal, or the same name of another tenant, who learnt a session: 4003, its owner loses nothing', async () => {
      const [owner, welcome] = await joinAs('ann-secret');
      owner.send(event(1, 'session'));
      await owner.until(1);
      for (const token of ['eve-secret', 'eve-abroad', 'root']) {
        const thief = new StreamClient(real.port, { headers: bearer(token) });
        cleanup.add(() => thief.socket.terminate());
        await thief.opened;
        thief.send({ t: 'hello', session: welcome['session'] });
        assert.equal(await thief.closed, CLOSE.forbidden, token);
      }
      owner.send(event(2, 'session'));
      await owner.until(2);
      assert.equal(await entriesOf('session'), 2);
      owner.socket.terminate();
    });

    it('another token of the same principal takes the session over: the older socket ends with 4010', async () => {
      const [owner, welcome] = await joinAs('ann-secret');
      owner.send(event(1, 'moved'));
      await owner.until(1);
      const [newer, second] = await joinAs('ann-other', { session: welcome['session'], acked: 1 });
      assert.deepEqual([second['resumed'], second['acked']], [true, 1]);
      assert.equal(await owner.closed, CLOSE.replaced);
      newer.send(event(2, 'moved'));
      await newer.until(2);
      newer.socket.terminate();
    });

    it('a session forged, cut, swollen or of another host starts anew; a client that lies about its acks harms only itself', async () => {
      const [first, welcome] = await joinAs('ann-secret');
      const session = String(welcome['session']);
      const [body = '', mac = ''] = session.split('.');
      const poisoned = Buffer.from(body, 'base64url').toString().replace('ann', 'eve');
      const forged = [
        `${Buffer.from(poisoned).toString('base64url')}.${mac}`,
        `${body}.`,
        body,
        `${body}.${mac}x`.repeat(2),
        `${session}${'A'.repeat(4_000)}`,
        '.',
        '__proto__.constructor',
      ];
      for (const session of forged) {
        const [client, answer] = await joinAs('ann-secret', { session });
        assert.equal(answer['resumed'], false, session.slice(0, 80));
        client.socket.terminate();
      }
      first.socket.terminate();
      const [liar, answer] = await joinAs('ann-secret', { session, acked: 1_000_000 });
      assert.equal(answer['acked'], 1_000_000, 'its own numbers');
      liar.send(event(1_000_001, 'liar'));
      await liar.until(1_000_001);
      assert.equal(await entriesOf('liar'), 1);
      liar.socket.terminate();
    });

    it('a seq of 10^9 in a session of one’s own: the connection ends, nothing is poisoned for others', async () => {
      const [eve] = await joinAs('eve-secret');
      eve.send(event(1_000_000_000, 'victim'));
      assert.equal(await eve.closed, CLOSE.violation);
      const [ann] = await joinAs('ann-secret');
      ann.send(event(1, 'victim'));
      assert.deepEqual((await ann.until(1)).slice(-1), [{ t: 'ack', seq: 1 }]);
      assert.equal(await entriesOf('victim'), 1);
      ann.socket.terminate();
    });
  });

  describe('command ids', () => {
    it('the same id 50 times at once: one run, and the same answer to all', async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => call('ann-secret', 'same', 1, 'id-1')),
      );
      for (const answer of answers) assert.deepEqual([codeOf(answer), answer.body?.data], ['ok', 1]);
      assert.equal(await entriesOf('same'), 1);
    });

    it('the same id with another input, at once and later: one of them runs, the others are conflicts', async () => {
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_none, n) => call('ann-secret', 'differs', n, 'id-2')),
      );
      const codes = answers.map(codeOf).sort();
      assert.deepEqual(codes, [...Array<string>(9).fill('ERR_COMMAND_CONFLICT'), 'ok']);
      assert.equal(codeOf(await call('ann-secret', 'differs', 99, 'id-2')), 'ERR_COMMAND_CONFLICT');
      assert.equal(await entriesOf('differs'), 1);
    });

    it('the id of another principal: neither its answer nor its place', async () => {
      await call('ann-secret', 'private', 1, 'order-1');
      const eve = await call('eve-secret', 'private', 1, 'order-1');
      assert.equal(eve.body?.data, 2, 'it ran as a command of her own');
      assert.equal((await call('ann-secret', 'private', 1, 'order-1')).body?.data, 1);
      assert.equal(await entriesOf('private'), 2);
      // A principal and an id that run into each other would be one name.
      const strange = await call('ann-secret', 'private', 1, '\u0001order-1').catch((error: Error) => error);
      assert.ok(strange instanceof Error || codeOf(strange) === 'ERR_REQUEST_INVALID');
    });

    it('an id sent again after a restart: the same answer, no second run', async () => {
      const data = path.join(cleanup.folder(), 'data');
      const first = await realHost(cleanup, [ledger], { tokens: TOKENS, data });
      const answers = await Promise.all([
        call('ann-secret', 'later', 1, 'id-3', first),
        call('ann-secret', 'later', 2, 'id-4', first),
      ]);
      await first.stop();
      const second = await realHost(cleanup, [ledger], { tokens: TOKENS, data });
      const again = await Promise.all([
        call('ann-secret', 'later', 1, 'id-3', second),
        call('ann-secret', 'later', 2, 'id-4', second),
      ]);
      assert.deepEqual(
        again.map(({ body }) => body?.data),
        answers.map(({ body }) => body?.data),
      );
      assert.equal(codeOf(await call('ann-secret', 'later', 9, 'id-4', second)), 'ERR_COMMAND_CONFLICT');
      assert.equal(await entriesOf('later', second), 2);
      await second.stop();
    });

    it('a flow that threw: the same id gets the same error, and is not run again', async () => {
      const headers = {
        'Content-Type': 'application/json',
        'Idempotency-Key': 'fails',
        ...bearer('ann-secret'),
      };
      for (let time = 0; time < 3; time += 1) {
        const answer = await callFlow(real, 'villain', 'threw', 'throwIt', 'text', { headers });
        assert.deepEqual(
          [codeOf(answer), answer.body?.error?.message],
          ['ERR_FLOW_FAILED', 'the flow threw just text'],
        );
      }
    });

    it('2,000 ids on one grain: memory of them is bounded, the last 1,000 still answer', async function () {
      this.timeout(15_000);
      for (let from = 0; from < 2_000; from += 100) {
        await Promise.all(
          Array.from({ length: 100 }, (_none, at) =>
            call('ann-secret', 'many', from + at, `many-${from + at}`),
          ),
        );
      }
      assert.equal(codeOf(await call('ann-secret', 'many', 1_500, 'many-1500')), 'ok');
      assert.equal(await entriesOf('many'), 2_000);
    });
  });

  describe('rights', () => {
    it('no token or a wrong one: nothing but health is answered, over HTTP, event streams and WebSocket', async () => {
      for (const headers of [{}, bearer('wrong'), bearer(''), { Authorization: 'Basic ann-secret' }]) {
        for (const target of [
          '/v1/cores',
          '/metrics',
          '/v1/cluster',
          '/openapi.json',
          '/',
          '/v1/cores/ledger/instances/a/events',
        ]) {
          assert.equal(codeOf(await ask(real, target, { headers })), 'ERR_AUTH_REQUIRED', target);
        }
        const answer = await ask(real, flowPath('ledger', 'a', 'read'), { method: 'POST', headers });
        assert.equal(codeOf(answer), 'ERR_AUTH_REQUIRED');
        const client = new StreamClient(real.port, { headers });
        cleanup.add(() => client.socket.terminate());
        await client.opened.then(
          () => client.send({ t: 'hello', token: 'wrong' }),
          () => undefined,
        );
        const code = await client.closed;
        assert.ok([CLOSE.unauthenticated, 1006].includes(code), String(code));
        assert.equal(codeOf(await ask(real, '/health', { headers })), 'ok');
      }
    });

    it('another tenant, by X-Tenant and by tenant/core: forbidden without the right, a grain of its own with it', async () => {
      const headers = { 'Content-Type': 'application/json', 'X-Tenant': 'elsewhere' };
      const ann = await callFlow(real, 'echo', 'k', 'keep', 'ann', {
        headers: { ...headers, ...bearer('ann-secret') },
      });
      assert.equal(codeOf(ann), 'ERR_AUTH_FORBIDDEN');
      const root = await callFlow(real, 'echo', 'k', 'whoami', null, {
        headers: { ...headers, ...bearer('root') },
      });
      assert.deepEqual(root.body?.data, { principal: 'root', tenant: 'elsewhere', key: 'k' });
      const [client] = await joinAs('ann-secret');
      for (const core of [
        'elsewhere/echo',
        '../echo',
        'default/../echo',
        '/echo',
        'echo/',
        'elsewhere/elsewhere/echo',
      ]) {
        client.send({ t: 'call', id: 1, core, key: 'k', flow: 'whoami' });
        const code = frameCode(await client.expect('error'));
        assert.ok(
          ['ERR_AUTH_FORBIDDEN', 'ERR_CORE_UNKNOWN'].includes(String(code)),
          `${core}: ${String(code)}`,
        );
      }
      client.socket.terminate();
    });

    it('a token for one Core: the others can be neither called, sent to, watched, listed nor erased', async () => {
      const headers = { 'Content-Type': 'application/json', ...bearer('narrow') };
      assert.equal(
        codeOf(await callFlow(real, 'ledger', 'k', 'read', null, { headers })),
        'ERR_AUTH_FORBIDDEN',
      );
      for (const [method, target] of [
        ['GET', '/v1/cores/ledger'],
        ['GET', '/v1/cores/ledger/instances'],
        ['GET', '/v1/cores/ledger/instances/k/events'],
        ['DELETE', '/v1/cores/ledger/instances/k'],
        ['DELETE', '/v1/cores/echo/instances/k'],
      ] as const) {
        const answer = await ask(real, target, { method, headers });
        assert.equal(codeOf(answer), 'ERR_AUTH_FORBIDDEN', target);
      }
      const [client] = await joinAs('narrow');
      client.send(event(1, 'k'));
      assert.equal(frameCode(await client.expect('nack')), 'ERR_AUTH_FORBIDDEN');
      client.send({ t: 'sub', id: 1, core: 'ledger', key: 'k' });
      assert.equal(frameCode(await client.expect('error')), 'ERR_AUTH_FORBIDDEN');
      client.socket.terminate();
    });
  });

  describe('on loopback without a token', () => {
    it('a page of a browser (Origin, rebound Host, text/plain, a WebSocket) gets nowhere', async () => {
      const open = await realHost(cleanup, [villain]);
      const target = flowPath('villain', 'page', 'ok');
      for (const headers of [
        { Origin: 'https://evil.example' },
        { Origin: 'null' },
        { Host: 'evil.example' },
        { Host: `localhost.evil.example:${open.port}` },
        { Host: '127.0.0.1.nip.io' },
      ]) {
        const json = { 'Content-Type': 'application/json', ...headers };
        const answer = await ask(open, target, { method: 'POST', body: 'null', headers: json });
        assert.equal(codeOf(answer), 'ERR_AUTH_ORIGIN', JSON.stringify(headers));
        const client = new StreamClient(open.port, { headers });
        await assert.rejects(client.opened, /403/);
      }
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
      ]) {
        const answer = await ask(open, target, {
          method: 'POST',
          body: 'null',
          headers: { 'Content-Type': type },
        });
        assert.equal(codeOf(answer), 'ERR_BODY_TYPE', type);
      }
      assert.equal((await callFlow(open, 'villain', 'page', 'count')).body?.data, 0);
      await open.stop();
    });
  });
});
