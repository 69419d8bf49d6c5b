import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connect } from '../../gateway/client/node.ts';
import {
  defineCore,
  entity,
  GrainError,
  type Host,
  type HostOptions,
  startHost,
} from '../../gateway/granary.ts';

const counter = defineCore({
  name: 'counter',
  version: '1.0.0',
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

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const hasCode =
  (code: string) =>
  (thrown: unknown): boolean =>
    thrown instanceof GrainError && thrown.code === code;

describe('startHost', () => {
  let folder: string;
  const hosts: Host[] = [];

  async function start(options: HostOptions = {}): Promise<Host> {
    const host = await startHost({ port: 0, data: folder, cores: [counter], log: silent, ...options });
    hosts.push(host);
    return host;
  }

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'granary-host-'));
  });
  afterEach(async () => {
    await Promise.all(hosts.splice(0).map((host) => host.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  it('with Cores and a folder, answers in this process, over HTTP and over WebSocket', async () => {
    const host = await start();
    assert.equal(await host.ref(counter, 'a').add(), 1);
    const response = await fetch(`${host.url}/v1/cores/counter/instances/a/flows/add`, { method: 'POST' });
    assert.deepEqual(await response.json(), { status: 'ok', data: 2 });
    const client = connect(host.stream);
    assert.equal(await client.core(counter).get('a').add(), 3);
    await client.close();
    assert.equal(host.pid, process.pid);
  });

  it('stopped and started on the same folder, has the memory of before', async () => {
    const first = await start();
    await first.ref(counter, 'a').add();
    await first.stop();
    await first.stop();
    const second = await start();
    assert.equal(await second.ref(counter, 'a').add(), 2);
    assert.equal(second.silo.generation, first.silo.generation);
    assert.equal(second.silo.clusterKey, first.silo.clusterKey);
  });

  it("with data 'memory', begins with nothing each time", async () => {
    const first = await start({ data: 'memory' });
    await first.ref(counter, 'a').add();
    await first.stop();
    const second = await start({ data: 'memory' });
    assert.equal(await second.ref(counter, 'a').add(), 1);
    assert.notEqual(second.silo.generation, first.silo.generation);
  });

  it('on a folder that another host has, is refused and leaves that one alone', async () => {
    const first = await start();
    await assert.rejects(start(), hasCode('ERR_STORE_LOCKED'));
    assert.equal(await first.ref(counter, 'a').add(), 1);
  });

  it('on a port that is taken, is refused and gives the folder back', async () => {
    const other = await start({ data: 'memory' });
    const port = Number(new URL(other.url).port);
    await assert.rejects(start({ port }), hasCode('ERR_LISTEN_FAILED'));
    const host = await start();
    assert.equal(await host.ref(counter, 'a').add(), 1);
  });

  it('with two Cores of one name, is refused and gives the folder back', async () => {
    await assert.rejects(start({ cores: [counter, counter] }), hasCode('ERR_CORE_INVALID'));
    await start();
  });

  it('beyond loopback without a token, is refused and gives the folder back', async () => {
    await assert.rejects(start({ host: '0.0.0.0' }), hasCode('ERR_CONFIG_INVALID'));
    await start();
  });

  it('stopped while a call runs, answers it first', async () => {
    let release: () => void = () => undefined;
    let entered: () => void = () => undefined;
    const isRunning = new Promise<void>((resolve) => (entered = resolve));
    const slow = defineCore({
      name: 'slow',
      version: '1.0.0',
      instance: entity({ entityKey: 'name' }),
    }).flows((flow) => ({
      wait: flow({
        run: async () => {
          entered();
          await new Promise<void>((resolve) => (release = resolve));
          return 'done';
        },
      }),
    }));
    const host = await start({ cores: [slow] });
    const answer = fetch(`${host.url}/v1/cores/slow/instances/a/flows/wait`, { method: 'POST' });
    await isRunning;
    const stopping = host.stop();
    release();
    assert.deepEqual(await (await answer).json(), { status: 'ok', data: 'done' });
    await stopping;
  });
});
