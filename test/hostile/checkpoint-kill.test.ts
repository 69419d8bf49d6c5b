// A program is suspended, the process is killed, and a new one goes on: what was acknowledged is there once.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { callFlow, Cleanup, HostProcess } from '../support/real-host.ts';

const PROGRAM = `
@core Approvals {
    version = "1.0.0"
    instance = :entity(key = "order_id") { idle_timeout = 1m }
    @memory {
        steps: array[string]
    }
}

@flow submit(order_id: string, amount: float): string {
    memory.steps.add("submitted")
    decision = @checkpoint approval {
        present = { prompt = "Approve \${order_id}?", payload = { amount = amount } }
        options = ["yes", "no"]
        timeout = 1h
    }
    memory.steps.add(decision)
    return "\${order_id}: \${decision}"
}

@flow steps(order_id: string): array[string] {
    return memory.steps
}
`;

interface Suspended {
  readonly status: string;
  readonly checkpoint: { readonly checkpoint_id: string; readonly prompt: string };
}

const ORDERS = ['o1', 'o2', 'o3', 'o4'];

describe('Suspended executions and kill -9', function () {
  this.timeout(60_000);
  const cleanup = new Cleanup();
  afterEach(async () => {
    await cleanup.run();
  });

  it('killed between suspend and resume, and after the resume, goes on exactly once', async () => {
    const folder = cleanup.folder();
    const cores = path.join(folder, 'approvals.scaicore');
    writeFileSync(cores, PROGRAM);
    const data = path.join(folder, 'data');
    const first = await HostProcess.start(cleanup, { data, cores });
    const pending = new Map<string, string>();
    for (const order of ORDERS) {
      const { body, text } = await callFlow(first, 'Approvals', order, 'submit', {
        order_id: order,
        amount: 5,
      });
      const { status, checkpoint } = (body?.data ?? assert.fail(text)) as Suspended;
      assert.equal(status, 'SUSPENDED');
      assert.equal(checkpoint.prompt, `Approve ${order}?`);
      pending.set(order, checkpoint.checkpoint_id);
    }
    await first.kill();

    const second = await HostProcess.start(cleanup, { data, cores });
    const resume = async (to: HostProcess, order: string): Promise<unknown> => {
      const input = { checkpoint_id: pending.get(order), resolution: { decision: 'yes' } };
      const { body, text } = await callFlow(to, 'Approvals', order, 'resume', input);
      return body?.data ?? body?.error?.code ?? assert.fail(text);
    };
    for (const order of ORDERS) assert.equal(await resume(second, order), `${order}: yes`);
    await second.kill();

    const third = await HostProcess.start(cleanup, { data, cores });
    for (const order of ORDERS) {
      assert.equal(await resume(third, order), 'ERR_CHECKPOINT_UNKNOWN');
      const { body } = await callFlow(third, 'Approvals', order, 'steps', { order_id: order });
      assert.deepEqual(body?.data, ['submitted', 'yes']);
    }
  });

  it('killed at any moment while executions are resumed, each has gone on once or can still', async () => {
    const folder = cleanup.folder();
    const cores = path.join(folder, 'approvals.scaicore');
    writeFileSync(cores, PROGRAM);
    const data = path.join(folder, 'data');
    const first = await HostProcess.start(cleanup, { data, cores });
    const orders = Array.from({ length: 40 }, (_, index) => `k${index}`);
    const pending = new Map<string, string>();
    for (const order of orders) {
      const { body, text } = await callFlow(first, 'Approvals', order, 'submit', {
        order_id: order,
        amount: 1,
      });
      pending.set(order, ((body?.data ?? assert.fail(text)) as Suspended).checkpoint.checkpoint_id);
    }
    const resume = (to: HostProcess, order: string): ReturnType<typeof callFlow> =>
      callFlow(to, 'Approvals', order, 'resume', {
        checkpoint_id: pending.get(order),
        resolution: { decision: 'yes' },
      });
    const acknowledged = new Set<string>();
    const resuming = orders.map(async (order) => {
      const { body } = await resume(first, order);
      if (body?.data !== undefined) acknowledged.add(order);
      if (acknowledged.size === 5) await first.kill();
    });
    await Promise.allSettled(resuming);
    await first.kill();

    const second = await HostProcess.start(cleanup, { data, cores });
    for (const order of orders) {
      const { body } = await resume(second, order);
      const code = body?.error?.code;
      if (acknowledged.has(order)) assert.equal(code, 'ERR_CHECKPOINT_UNKNOWN', order);
      else assert.ok(code === undefined || code === 'ERR_CHECKPOINT_UNKNOWN', order);
      const { body: after } = await callFlow(second, 'Approvals', order, 'steps', { order_id: order });
      assert.deepEqual(after?.data, ['submitted', 'yes'], order);
    }
  });
});
