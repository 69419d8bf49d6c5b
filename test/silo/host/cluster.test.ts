import assert from 'node:assert/strict';
import { programCores } from '../../../silo/internal.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { ClusterWorld, hostsOf } from '../cluster/cluster-world.ts';
import {
  checkpoint,
  coreCall,
  flow,
  give,
  INT,
  literal,
  memory,
  object,
  program,
  ref,
  rigid,
  STRING,
} from './ir-programs.ts';

const desk = program({
  name: 'FrontDesk',
  instance: { mode: 'entity', entity_key: 'desk' },
  memory: { sent: INT },
  flows: [
    flow('send', { desk: STRING }, [
      rigid(memory('write', 'sent', [literal(1)])),
      checkpoint('decision', { timeout: literal(60_000) }),
      rigid(
        memory('read', 'sent', [], 'sent'),
        give(object({ decision: ref('decision'), sent: ref('sent') })),
      ),
    ]),
    flow('read', { desk: STRING }, [rigid(memory('read', 'sent', [], 'sent'), give(ref('sent')))]),
  ],
});

/** Hosted by one silo only: it finds the other Core by its slug all the same. */
const caller = program({
  name: 'Caller',
  instance: { mode: 'singleton' },
  flows: [
    flow('ask', {}, [
      coreCall('core://acme/front-desk', {
        flow_name: 'read',
        instance_key: literal('d1'),
        result_binding: 'sent',
      }),
      rigid(give(ref('sent'))),
    ]),
  ],
});

interface Suspended {
  readonly status: string;
  readonly checkpoint: { readonly checkpoint_id: string };
}

function ownerOf(nodes: readonly SimNode[]): SimNode {
  const [host] = hostsOf(nodes, 'FrontDesk', 'd1');
  return nodes.find((node) => node.host === host) ?? assert.fail('nobody has the grain');
}

describe('Hosted program in a cluster', function () {
  this.timeout(60_000);

  it('suspended on a silo that dies, is resumed on another, once', async () => {
    const world = new ClusterWorld(7);
    const nodes = ['a', 'b', 'c'].map((host) => world.silo(host, programCores(desk)));
    await world.ready(...nodes);
    const [first] = nodes;
    const reply = (await world.ask(first ?? assert.fail(), 'FrontDesk', 'd1', 'send', {
      desk: 'd1',
    })) as Suspended;
    assert.equal(reply.status, 'SUSPENDED');
    const owner = ownerOf(nodes);
    owner.kill();
    const [left, right] = nodes.filter((node) => node !== owner);
    const input = { checkpoint_id: reply.checkpoint.checkpoint_id, resolution: { decision: 'send' } };
    // What was sent to the one that died may have run there, as far as its sender knows: it is asked again.
    const resume = async (node: SimNode | undefined): Promise<unknown> => {
      for (;;) {
        const answer = await world.ask(node ?? assert.fail(), 'FrontDesk', 'd1', 'resume', input);
        if (answer !== 'ERR_LINK_LOST') return answer;
      }
    };
    assert.deepEqual(await resume(left), { decision: 'send', sent: 1 });
    assert.equal(await resume(right), 'ERR_CHECKPOINT_UNKNOWN');
  });

  it('time that is up after its silo died, is noticed by another', async () => {
    const world = new ClusterWorld(8);
    const nodes = ['a', 'b'].map((host) => world.silo(host, programCores(desk)));
    await world.ready(...nodes);
    await world.ask(nodes[0] ?? assert.fail(), 'FrontDesk', 'd1', 'send', { desk: 'd1' });
    const owner = ownerOf(nodes);
    owner.kill();
    const other = nodes.find((node) => node !== owner) ?? assert.fail();
    await world.pass(95_000);
    assert.deepEqual(await world.ask(other, 'FrontDesk', 'd1', 'checkpoints'), []);
  });

  it('a Core that another silo hosts, is found by its slug', async () => {
    const world = new ClusterWorld(9);
    const nodes = [world.silo('a', programCores(desk)), world.silo('b', programCores(caller))];
    await world.ready(...nodes);
    const [first, second] = nodes;
    await world.ask(first ?? assert.fail(), 'FrontDesk', 'd1', 'send', { desk: 'd1' });
    assert.equal(await world.ask(second ?? assert.fail(), 'Caller', '', 'ask'), 1);
  });
});
