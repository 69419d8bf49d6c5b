import assert from 'node:assert/strict';
import { type ErrorCode, ERRORS, errorSpec, GrainError } from '../../../lib/index.ts';
import { ask, call, codeOf, refusing, type Running, startGateway, stopGateways } from './support.ts';

const RECORD = '/v1/cores/airport/instances/JFK/flows/record';

describe('HTTP, errors: every code of the catalogue has one shape', () => {
  let running: Running;

  before(async () => {
    running = await startGateway();
  });

  after(stopGateways);

  for (const code of Object.keys(ERRORS) as ErrorCode[]) {
    const { http, effect, public: isPublic, help } = errorSpec(code);

    it(`${code} of a call, is ${http} with effect ${effect}`, async () => {
      const details = { shown: 'detail', retryAfterMs: 1_200, message: 'what happened' };
      running.cluster.onDispatch = refusing(new GrainError(code, details));
      const { status, headers, body } = await call(running, RECORD);
      assert.equal(status, http);
      const requestId = headers['x-request-id'];
      const error = isPublic
        ? { code, message: 'what happened', effect, retry_after_ms: 1_200, details: { shown: 'detail' } }
        : { code, message: help, effect };
      assert.deepEqual(body, { status: 'error', error, meta: { request_id: requestId } });
      assert.equal(headers['retry-after'], isPublic ? '2' : undefined);
      assert.equal(
        headers['www-authenticate'],
        code === 'ERR_AUTH_REQUIRED' ? 'Bearer realm="granary"' : undefined,
      );
    });

    it(`${code} of a request that Koa serves, is the same`, async () => {
      running.cluster.onInstances = () => Promise.reject(new GrainError(code, { retryAfterMs: 1_200 }));
      const answer = await ask(running, '/v1/cores/airport/instances');
      assert.equal(answer.status, http);
      assert.equal(codeOf(answer), code);
      assert.equal(answer.headers['retry-after'], isPublic ? '2' : undefined);
      assert.equal(answer.body?.meta?.request_id, answer.headers['x-request-id']);
    });
  }

  it('ERR_INTERNAL, keeps its cause for the log, under the request id', async () => {
    const cause = new Error('password of the store is hunter2');
    running.cluster.onDispatch = refusing(new GrainError('ERR_INTERNAL', { secret: 1 }, { cause }));
    const answer = await call(running, RECORD, { headers: { 'X-Request-Id': 'trace-42' } });
    assert.ok(!answer.text.includes('hunter2') && !answer.text.includes('secret'));
    const line = running.log.lines.find(({ fields }) => fields['request_id'] === 'trace-42');
    assert.deepEqual([line?.level, line?.message, line?.fields['err']], ['error', 'request.failed', cause]);
  });

  it('something else than a coded error, thrown behind Koa, is ERR_INTERNAL and logged', async () => {
    const cause = new TypeError('x is not a function');
    running.cluster.onInstances = () => Promise.reject(cause);
    const answer = await ask(running, '/v1/cores/airport/instances', {
      headers: { 'X-Request-Id': 'trace-43' },
    });
    assert.equal(answer.status, 500);
    assert.equal(codeOf(answer), 'ERR_INTERNAL');
    assert.ok(!answer.text.includes('x is not'));
    const line = running.log.lines.find(({ fields }) => fields['request_id'] === 'trace-43');
    assert.equal(line?.fields['err'], cause);
  });

  it('a dispatch that throws although it must not, is ERR_INTERNAL', async () => {
    running.cluster.onDispatch = () => {
      throw new Error('broken');
    };
    for (const options of [{}, { json: 1 }]) {
      assert.equal(codeOf(await call(running, RECORD, options)), 'ERR_INTERNAL');
    }
  });

  it('details that cannot be written, are left out', async () => {
    running.cluster.onDispatch = refusing(new GrainError('ERR_FLOW_FAILED', { big: 1n, message: 'no' }));
    const { body } = await call(running, RECORD);
    assert.deepEqual(body?.error, { code: 'ERR_FLOW_FAILED', message: 'no', effect: 'none' });
  });
});
