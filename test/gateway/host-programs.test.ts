import assert from 'node:assert/strict';
import { type LooseRef, resumeCheckpoint, startHost } from '../../gateway/granary.ts';
import { compile } from '../../lib/lang/index.ts';
import { TestLog } from './http/support.ts';
import { Cleanup, eventually } from '../support/real-host.ts';

const SOURCE = `
@core Gate { version = "1.0.0"  instance = :stateless }
@flow ask(who: string): string {
    answer = @checkpoint approval { present = { prompt = "Let \${who} in?" } }
    return "\${who}: \${answer}"
}
`;

describe('startHost: programs', function () {
  this.timeout(30_000);
  const cleanup = new Cleanup();
  afterEach(async () => {
    await cleanup.run();
  });

  it('a stateless program, is hosted, and what it suspends is found in the store, also by the next host', async () => {
    const { module, diagnostics } = compile(SOURCE);
    assert.ok(module, diagnostics.map(({ message }) => message).join());
    const data = cleanup.folder();
    const options = { programs: [module], data, port: 0, log: new TestLog() };
    const first = await startHost(options);
    const reply = (await (first.ref('Gate') as unknown as LooseRef)['ask']?.({ who: 'ann' })) as {
      checkpoint: { checkpoint_id: string };
    };
    const { checkpoint_id: checkpointId } = reply.checkpoint;
    await eventually(
      () => first.checkpoints.get(checkpointId),
      (row) => row !== undefined,
    );
    await first.stop();

    const second = await startHost(options);
    const { rows } = await second.checkpoints.list({ tenant: 'default', status: 'pending' });
    assert.deepEqual(
      rows.map(({ id, prompt }) => [id, prompt]),
      [[checkpointId, 'Let ann in?']],
    );
    const cluster = { ref: second.silo.ref.bind(second.silo) };
    const resolution = { decision: 'yes' };
    const output = await resumeCheckpoint(cluster, second.checkpoints, {
      checkpointId,
      resolution,
      tenant: 'default',
      principal: 'door',
    });
    assert.equal(output, 'ann: yes');
    await second.stop();
  });
});
