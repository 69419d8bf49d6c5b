// `granary silo desk.scaicore`: what a program suspended on one silo goes on at another, when the first was killed.
import assert from 'node:assert/strict';
import { needsRedis, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { callFlow, eventually } from '../../support/real-host.ts';
import { type Answer, ask } from '../http/support.ts';
import { cleanUp, SpawnedCli, tempFolder } from './spawned-cli.ts';

/** An entity: the checkpoint is in the grain that took the call, and so are its effects. */
const DESK = `
@core Desk {
    version = "1.0.0"
    instance = :entity(key = "order_id") { idle_timeout = 1m }
    @memory { steps: array[string] }
}

@flow submit(order_id: string): string {
    memory.steps.add("submitted")
    decision = @checkpoint approval {
        present = { prompt = "Approve \${order_id}?" }
        options = ["yes", "no"]
        timeout = 1h
    }
    memory.steps.add(decision)
    return "\${order_id}: \${decision}"
}

@flow note(order_id: string, text: string): string {
    memory.steps.add(text)
    return text
}

@flow steps(order_id: string): array[string] {
    return memory.steps
}
`;

/** Without a state: the checkpoint is in a grain of `Gate.executions`, and the effect in another Core. */
const GATE = `
@core Gate { version = "1.0.0"  instance = :stateless }

@flow enter(who: string): string {
    answer = @checkpoint approval {
        present = { prompt = "Let \${who} in?" }
        options = ["yes", "no"]
    }
    told = @core_call core://acme/desk {
        flow = "note"
        input = { order_id = who, text = answer }
        instance_key = who
    }
    return "\${who}: \${told}"
}
`;

interface Suspended {
  readonly status: string;
  readonly execution_id: string;
  readonly checkpoint: { readonly checkpoint_id: string; readonly prompt: string };
}
interface Instances {
  readonly instances: readonly { readonly key: string; readonly silo: string }[];
}

interface Running {
  /** By name. */
  readonly silos: ReadonlyMap<string, SpawnedCli>;
  readonly port: number;
}

needsRedis('Command line: a program in a cluster', function (this: Mocha.Suite): void {
  this.timeout(60_000);
  let redis: RedisServer;

  before(async () => {
    redis = await startRedis();
  });
  afterEach(cleanUp);
  after(async () => {
    await redis.dispose();
  });

  /** Two silos that host both programs, and a gateway. */
  async function startAll(cluster: string): Promise<Running> {
    const folder = tempFolder({ 'desk.scaicore': DESK, 'gate.scaicore': GATE });
    const spawn = (...args: string[]): SpawnedCli =>
      new SpawnedCli([...args, '--cluster', cluster, '--redis', redis.url, '--json'], { folder });
    const silos = new Map(
      ['a', 'b'].map((name) => [name, spawn('silo', 'desk.scaicore', 'gate.scaicore', '--name', name)]),
    );
    const gateway = spawn('gateway', '--port', '0');
    await Promise.all([...silos.values()].map((silo) => silo.saw(/^\{"silo".*\}$/m)));
    const [line] = await gateway.saw(/^\{"url".*\}$/m);
    const { url } = JSON.parse(line) as { readonly url: string };
    return { silos, port: Number(new URL(url).port) };
  }

  /** The gateway lists what silos have that it has a link to, which may be one of two for a moment. */
  async function holderOf({ port }: Running, core: string, key: string): Promise<string> {
    const look = async (): Promise<string | undefined> => {
      const { body, text } = await ask({ port }, `/v1/cores/${core}/instances`);
      const { instances } = (body?.data ?? assert.fail(text)) as Instances;
      return instances.find((instance) => instance.key === key)?.silo;
    };
    return (await eventually(look, (silo) => silo !== undefined)) ?? assert.fail();
  }

  async function kill({ silos }: Running, name: string): Promise<void> {
    const silo = silos.get(name) ?? assert.fail(name);
    silo.kill('SIGKILL');
    assert.equal(await silo.ended, 'SIGKILL');
  }

  const suspendedOf = ({ body, text }: Answer): Suspended => {
    const reply = (body?.data ?? assert.fail(text)) as Suspended;
    assert.equal(reply.status, 'SUSPENDED', text);
    return reply;
  };
  const stepsOf = async (running: Running, order: string): Promise<unknown> =>
    outcomeOf(await callFlow(running, 'Desk', order, 'steps', { order_id: order }));
  const outcomeOf = ({ body, text }: Answer): unknown => body?.data ?? body?.error?.code ?? assert.fail(text);

  it('a flow of an entity, suspended on a silo that is killed: resumed on the other one, once', async () => {
    const running = await startAll('entity');
    const reply = suspendedOf(await callFlow(running, 'Desk', 'o1', 'submit', { order_id: 'o1' }));
    const holder = await holderOf(running, 'Desk', 'o1');
    await kill(running, holder);

    const { checkpoint_id } = reply.checkpoint;
    const resume = { checkpoint_id, resolution: { decision: 'yes' } };
    const first = await callFlow(running, 'Desk', 'o1', 'resume', resume);
    assert.equal(outcomeOf(first), 'o1: yes', first.text);
    assert.notEqual(await holderOf(running, 'Desk', 'o1'), holder);
    const again = await callFlow(running, 'Desk', 'o1', 'resume', resume);
    assert.equal(outcomeOf(again), 'ERR_CHECKPOINT_UNKNOWN');
    assert.deepEqual(await stepsOf(running, 'o1'), ['submitted', 'yes']);
  });

  it('killed while flows are resumed: sent again with its id, each goes on once', async () => {
    const running = await startAll('busy');
    const orders = Array.from({ length: 24 }, (_none, index) => `k${index}`);
    const replies = orders.map((order) => callFlow(running, 'Desk', order, 'submit', { order_id: order }));
    const pending = (await Promise.all(replies)).map((reply) => suspendedOf(reply).checkpoint.checkpoint_id);
    const resume = async (index: number): Promise<unknown> => {
      const input = { checkpoint_id: pending[index], resolution: { decision: 'yes' } };
      const headers = { 'Idempotency-Key': `resume-${index}` };
      return outcomeOf(await callFlow(running, 'Desk', orders[index], 'resume', input, { headers }));
    };
    let killed: Promise<void> | undefined;
    const outcomes = orders.map(async (order, index) => {
      const isDone = (outcome: unknown): boolean => outcome === `${order}: yes`;
      const outcome = await resume(index);
      killed ??= kill(running, 'a');
      // Cut off, nobody knows whether it went on: the same command answers as it did then, or goes on now.
      if (!isDone(outcome)) await eventually(() => resume(index), isDone);
    });
    await Promise.all(outcomes);
    await killed;
    for (const order of orders) assert.deepEqual(await stepsOf(running, order), ['submitted', 'yes'], order);
  });

  it('for people: a silo shows its programs, and says that nobody lists what they suspend', async () => {
    const folder = tempFolder({ 'desk.scaicore': DESK, 'gate.scaicore': GATE });
    const args = ['silo', '.', '--cluster', 'people', '--redis', redis.url];
    const cli = new SpawnedCli(args, { folder });
    await cli.saw(/Ctrl-C stops/);
    assert.match(cli.out, /Desk 1\.0\.0 +desk\.scaicore\n +Gate 1\.0\.0 +gate\.scaicore\n/);
    assert.doesNotMatch(cli.out, /executions/);
    assert.match(cli.err, /"cores":\["Desk","Gate\.executions"\],"msg":"checkpoints\.unlisted: /);
    cli.kill('SIGTERM');
    assert.equal(await cli.ended, 0, cli.err);
  });

  it('an execution of a stateless program, on a silo that is killed: resumed on the other one, once', async () => {
    const running = await startAll('stateless');
    const reply = suspendedOf(await callFlow(running, 'Gate', undefined, 'enter', { who: 'ann' }));
    const { execution_id, checkpoint } = reply;
    const holder = await holderOf(running, 'Gate.executions', execution_id);
    await kill(running, holder);

    const { checkpoint_id } = checkpoint;
    const waiting = outcomeOf(await callFlow(running, 'Gate.executions', execution_id, 'checkpoints'));
    assert.deepEqual(
      (waiting as Suspended['checkpoint'][]).map(({ prompt }) => prompt),
      ['Let ann in?'],
    );
    const resume = { execution_id, checkpoint_id, resolution: { decision: 'yes' } };
    const first = await callFlow(running, 'Gate', undefined, 'resume', resume);
    assert.equal(outcomeOf(first), 'ann: yes', first.text);
    assert.notEqual(await holderOf(running, 'Gate.executions', execution_id), holder);
    const again = await callFlow(running, 'Gate', undefined, 'resume', resume);
    assert.equal(outcomeOf(again), 'ERR_CHECKPOINT_UNKNOWN');
    assert.deepEqual(await stepsOf(running, 'ann'), ['yes']);
  });
});
