// SqliteCheckpointStore: rows through knex on SQLite, blobs in a folder; the embedded default, one process, no server.
// Owns: the table and its columns. Does not own: files of blobs (blob-folder.ts).
//   Q1. Whether a version is newer is decided by the statement that writes it, so two writers cannot pass each other.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Knex } from 'knex';
import { BlobFolder } from './blob-folder.ts';
import { cursorAfter, pageSize, placeOf } from './checkpoint-keys.ts';
import type {
  CheckpointPage,
  CheckpointQuery,
  CheckpointRow,
  CheckpointSettlement,
  CheckpointStore,
} from './checkpoint-store.ts';

const TABLE = 'scaicore_checkpoints';
/** Stored as JSON text. */
const JSON_COLUMNS = [
  'payload',
  'options',
  'assignee_resolved',
  'hitl_target',
  'context',
  'resolution',
] as const;

type StoredRow = Readonly<Record<keyof CheckpointRow, string | number | null>>;

/** Opens, and where needed makes, the store of a folder: `rows.sqlite`, and `blobs/` beside it. */
export async function openSqliteCheckpointStore(folder: string): Promise<CheckpointStore> {
  mkdirSync(folder, { recursive: true });
  // Loaded when it is needed: it takes longer to load than all the rest of a silo.
  const { default: createKnex } = await import('knex');
  const knex = createKnex({
    client: 'better-sqlite3',
    connection: { filename: path.join(folder, 'rows.sqlite') },
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  });
  try {
    // FULL, because NORMAL may lose what was answered when the power fails.
    await knex.raw('PRAGMA journal_mode = WAL');
    await knex.raw('PRAGMA synchronous = FULL');
    if (!(await knex.schema.hasTable(TABLE))) await knex.schema.createTable(TABLE, defineColumns);
    return new SqliteCheckpointStore(knex, new BlobFolder(path.join(folder, 'blobs')));
  } catch (thrown) {
    await knex.destroy();
    throw thrown;
  }
}

function defineColumns(table: Knex.CreateTableBuilder): void {
  table.string('id', 64).primary();
  table.integer('version').notNullable();
  for (const name of ['tenant_id', 'core_id', 'core_version', 'grain_core'] as const)
    table.string(name, 64).notNullable();
  table.string('grain_key', 512).notNullable();
  table.string('execution_id', 128).notNullable();
  table.string('flow_name', 128).notNullable();
  table.integer('block_index').notNullable();
  table.string('instance_key', 512);
  table.string('checkpoint_type', 64).notNullable();
  table.text('prompt').notNullable();
  table.string('assignee_raw', 512);
  table.string('assignee_type', 16).notNullable();
  table.string('status', 16).notNullable();
  table.string('priority', 16).notNullable();
  table.bigInteger('created_at_ms').notNullable();
  table.bigInteger('expires_at_ms');
  table.string('expiry_action', 128);
  table.string('escalation_target', 512);
  table.boolean('notification_sent').notNullable();
  table.integer('reminder_count').notNullable();
  table.integer('reminder_interval_m');
  table.string('resolved_by', 512);
  table.bigInteger('resolved_at_ms');
  table.string('state_s3_key', 512);
  for (const name of JSON_COLUMNS) table.text(name).notNullable();
  table.index(['tenant_id', 'status', 'created_at_ms', 'id']);
  table.index(['tenant_id', 'core_id', 'created_at_ms', 'id']);
}

class SqliteCheckpointStore implements CheckpointStore {
  readonly #knex: Knex;
  readonly #blobs: BlobFolder;

  constructor(knex: Knex, blobs: BlobFolder) {
    this.#knex = knex;
    this.#blobs = blobs;
  }

  async put(row: CheckpointRow): Promise<'stored' | 'stale'> {
    const stored = toStored(row);
    const written = (await this.#knex(TABLE)
      .insert(stored)
      .onConflict('id')
      .merge()
      .where(`${TABLE}.version`, '<', row.version)
      .returning('id')) as unknown[];
    return written.length > 0 ? 'stored' : 'stale';
  }

  async settle(id: string, settlement: CheckpointSettlement): Promise<'stored' | 'stale' | 'unknown'> {
    const changes = { ...settlement, resolution: JSON.stringify(settlement.resolution), state_s3_key: null };
    const count = await this.#knex(TABLE)
      .where({ id })
      .andWhere('version', '<', settlement.version)
      .update(changes);
    if (count > 0) return 'stored';
    return (await this.get(id)) ? 'stale' : 'unknown';
  }

  async get(id: string): Promise<CheckpointRow | undefined> {
    const row = (await this.#knex(TABLE).where({ id }).first()) as StoredRow | undefined;
    return row && fromStored(row);
  }

  async list({ tenant, core, status, limit, cursor }: CheckpointQuery): Promise<CheckpointPage> {
    const after = placeOf(cursor);
    const size = pageSize(limit);
    const query = this.#knex(TABLE)
      .where({ tenant_id: tenant })
      .orderBy('created_at_ms')
      .orderBy('id')
      .limit(size + 1);
    if (core !== undefined) void query.andWhere({ core_id: core });
    if (status !== undefined) void query.andWhere({ status });
    if (after)
      void query.andWhereRaw('(created_at_ms > ? or (created_at_ms = ? and id > ?))', [
        after.createdAtMs,
        after.createdAtMs,
        after.id,
      ]);
    const found = ((await query) as StoredRow[]).map(fromStored);
    const rows = found.slice(0, size);
    const last = rows.at(-1);
    return { rows, cursor: found.length > size && last ? cursorAfter(last) : undefined };
  }

  async putBlob(key: string, bytes: Uint8Array): Promise<void> {
    await this.#blobs.put(key, bytes);
  }

  async getBlob(key: string): Promise<Uint8Array | undefined> {
    return await this.#blobs.get(key);
  }

  async deleteBlob(key: string): Promise<void> {
    await this.#blobs.delete(key);
  }

  async close(): Promise<void> {
    await this.#knex.destroy();
  }
}

function toStored(row: CheckpointRow): StoredRow {
  const json = Object.fromEntries(JSON_COLUMNS.map((name) => [name, JSON.stringify(row[name])]));
  return { ...row, ...json, notification_sent: row.notification_sent ? 1 : 0 } as unknown as StoredRow;
}

function fromStored(row: StoredRow): CheckpointRow {
  const json = Object.fromEntries(
    JSON_COLUMNS.map((name) => [name, JSON.parse(String(row[name])) as unknown]),
  );
  return { ...row, ...json, notification_sent: row.notification_sent === 1 } as unknown as CheckpointRow;
}
