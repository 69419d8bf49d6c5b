// What every checkpoint store has to do (silo/checkpoints/checkpoint-store.ts, S1 to S3).
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { CheckpointRow, CheckpointSettlement, CheckpointStore } from '../../silo/internal.ts';

export interface CheckpointStoreHarness {
  open(): Promise<CheckpointStore>;
  /** Closes the store and opens the same one again; where nothing stays, the one that is open. */
  reopen(): Promise<CheckpointStore>;
  close(): Promise<void>;
}

const MANY = 7;

export function checkpointRow(given: Partial<CheckpointRow> = {}): CheckpointRow {
  return {
    id: '0d8c1c6e-8f0f-4d0a-9b57-0b6f1c9be001',
    version: 1,
    tenant_id: 'default',
    core_id: 'Orders',
    core_version: '1.0.0',
    grain_core: 'Orders',
    grain_key: '42',
    execution_id: 'exec_1',
    flow_name: 'approve',
    block_index: 2,
    instance_key: '42',
    checkpoint_type: 'approval',
    prompt: 'Send it? "é" \u{1f4a1}',
    payload: { lines: [{ sku: 'a', amount: 1.25 }], note: null },
    options: ['send', 'drop'],
    assignee_raw: 'role:ops',
    assignee_type: 'role',
    assignee_resolved: { type: 'role', value: 'ops' },
    hitl_target: null,
    context: null,
    status: 'pending',
    priority: 'normal',
    created_at_ms: 1_700_000_000_000,
    expires_at_ms: 1_700_000_060_000,
    expiry_action: 'escalate',
    escalation_target: null,
    notification_sent: false,
    reminder_count: 0,
    reminder_interval_m: null,
    resolution: null,
    resolved_by: null,
    resolved_at_ms: null,
    state_s3_key: 'checkpoints/default/one',
    ...given,
  };
}

const ENDED: CheckpointSettlement = {
  status: 'resolved',
  version: 2,
  resolution: { decision: 'send' },
  resolved_by: 'ann',
  resolved_at_ms: 1_700_000_030_000,
};

export function checkpointStoreContract(title: string, make: () => CheckpointStoreHarness): void {
  describe(`CheckpointStore contract: ${title}`, () => {
    let harness: CheckpointStoreHarness;
    let store: CheckpointStore;
    beforeEach(async () => {
      harness = make();
      store = await harness.open();
    });
    afterEach(async () => {
      await harness.close();
    });
    rowTests(() => store);
    listTests(() => store);
    blobTests(() => store);

    it('reopen, rows and blobs, are still there', async () => {
      await store.put(checkpointRow());
      await store.putBlob('checkpoints/default/one', new Uint8Array([1, 2, 0, 255]));
      store = await harness.reopen();
      assert.deepEqual(await store.get(checkpointRow().id), checkpointRow());
      const blob = await store.getBlob('checkpoints/default/one');
      assert.deepEqual([...(blob ?? [])], [1, 2, 0, 255]);
    });
  });
}

function rowTests(store: () => CheckpointStore): void {
  it('put, a new row, reads back as it was', async () => {
    assert.equal(await store().put(checkpointRow()), 'stored');
    assert.deepEqual(await store().get(checkpointRow().id), checkpointRow());
    assert.equal(await store().get('unknown'), undefined);
  });

  it('put, the same version again, changes nothing', async () => {
    await store().put(checkpointRow());
    assert.equal(await store().put(checkpointRow({ prompt: 'another' })), 'stale');
    assert.equal((await store().get(checkpointRow().id))?.prompt, checkpointRow().prompt);
  });

  it('put, an older version after a newer one, changes nothing', async () => {
    await store().put(checkpointRow({ version: 3, status: 'resolved' }));
    assert.equal(await store().put(checkpointRow({ version: 2 })), 'stale');
    assert.equal((await store().get(checkpointRow().id))?.status, 'resolved');
  });

  it('settle, a pending row, has the resolution and no state any more', async () => {
    await store().put(checkpointRow());
    assert.equal(await store().settle(checkpointRow().id, ENDED), 'stored');
    assert.deepEqual(await store().get(checkpointRow().id), checkpointRow({ ...ENDED, state_s3_key: null }));
    assert.equal(await store().settle(checkpointRow().id, { ...ENDED, resolved_by: 'bob' }), 'stale');
    assert.equal((await store().get(checkpointRow().id))?.resolved_by, 'ann');
  });

  it('settle, a row that is not there, is unknown', async () => {
    assert.equal(await store().settle('unknown', ENDED), 'unknown');
  });

  it('put, texts of any kind, are data and nothing else', async () => {
    const hostile = `'; drop table scaicore_checkpoints; --`;
    await store().put(checkpointRow({ prompt: hostile, grain_key: hostile, assignee_raw: hostile }));
    assert.equal((await store().get(checkpointRow().id))?.grain_key, hostile);
    assert.deepEqual((await store().list({ tenant: hostile })).rows, []);
  });

  it('any order and repetition of versions, the highest stands', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uuid(),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        async (id, order) => {
          for (const version of order)
            await store().put(checkpointRow({ id, version, prompt: `v${version}` }));
          const highest = Math.max(...order);
          assert.equal((await store().get(id))?.prompt, `v${highest}`);
        },
      ),
      { numRuns: 15 },
    );
  });
}

function listTests(store: () => CheckpointStore): void {
  const id = (index: number): string => `id-${index}`;

  it('list, pages, give every row once in order of creation', async () => {
    for (let index = MANY; index > 0; index -= 1)
      await store().put(checkpointRow({ id: id(index), created_at_ms: 1_000 + Math.floor(index / 2) }));
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store().list({ tenant: 'default', limit: 2, cursor });
      assert.ok(page.rows.length <= 2);
      seen.push(...page.rows.map((row) => row.id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    assert.deepEqual(
      seen,
      Array.from({ length: MANY }, (_, index) => id(index + 1)),
    );
  });

  it('list, filters, are tenant, Core and status', async () => {
    await store().put(checkpointRow({ id: 'a' }));
    await store().put(checkpointRow({ id: 'b', tenant_id: 'other' }));
    await store().put(checkpointRow({ id: 'c', core_id: 'Desk' }));
    await store().put(checkpointRow({ id: 'd', status: 'expired' }));
    const ids = async (query: object): Promise<string[]> =>
      (await store().list({ tenant: 'default', ...query })).rows.map((row) => row.id);
    assert.deepEqual(await ids({}), ['a', 'c', 'd']);
    assert.deepEqual(await ids({ core: 'Orders' }), ['a', 'd']);
    assert.deepEqual(await ids({ status: 'pending' }), ['a', 'c']);
    assert.deepEqual(await ids({ core: 'Orders', status: 'pending' }), ['a']);
  });

  it('list, a cursor that nobody gave out, is refused', async () => {
    for (const cursor of ['', 'x', "1' or 1=1", '1.'])
      await assert.rejects(async () => await store().list({ tenant: 'default', cursor }), {
        code: 'ERR_CURSOR_INVALID',
      });
  });
}

function blobTests(store: () => CheckpointStore): void {
  it('blobs, written twice and deleted, are the last that was written', async () => {
    const key = 'checkpoints/default/one';
    assert.equal(await store().getBlob(key), undefined);
    await store().putBlob(key, new Uint8Array([1]));
    await store().putBlob(key, new Uint8Array([2, 3]));
    assert.deepEqual([...((await store().getBlob(key)) ?? [])], [2, 3]);
    await store().deleteBlob(key);
    await store().deleteBlob(key);
    assert.equal(await store().getBlob(key), undefined);
  });

  it('blobs, keys that would lead elsewhere, are refused', async () => {
    for (const key of ['', '..', 'a/../b', '/etc/passwd', 'a//b', 'a\\b', 'a\u0000b', '.hidden'])
      await assert.rejects(async () => await store().putBlob(key, new Uint8Array([1])), {
        code: 'ERR_KEY_INVALID',
      });
  });
}
