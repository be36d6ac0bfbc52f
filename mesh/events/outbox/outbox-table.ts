import { countInSlices } from '../../storage/count-in-slices.ts';
import { insertRow } from '../../storage/insert-rows.ts';
import { paddedList } from '../../storage/sql.ts';
import type { Migration, Queryable, Row, SqlValue, Transaction } from '../../storage/storage.ts';

/** The target of an entry: event log or task queue. */
export type OutboxKind = 'event' | 'task';

/** What waits in an outbox. */
export interface OutboxBacklog {
  readonly kind: OutboxKind;
  readonly entries: number;
  /** When the oldest was added; `undefined` if none waits. */
  readonly oldestTimeMs: number | undefined;
}

/** An event or task that waits for delivery. */
export interface OutboxEntry {
  /** Ascending in the order of `insertEntry`. */
  readonly id: bigint;
  /** The topic or the queue. */
  readonly destination: string;
  /** The event's key or the task's id. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
  readonly timeMs: number;
}

interface EntryRow extends Row {
  id: bigint;
  destination: string;
  key: string;
  headers: string;
  value: Uint8Array;
  time_ms: bigint;
}

/** The outbox, and the lease that decides which of several processes delivers its entries. */
export const outboxMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE outbox (
        id {{identity}},
        kind TEXT NOT NULL,
        destination TEXT NOT NULL,
        key TEXT NOT NULL,
        headers TEXT NOT NULL,
        value BYTEA NOT NULL,
        time_ms BIGINT NOT NULL,
        refused_reason TEXT,
        refused_error TEXT
      );
      CREATE INDEX outbox_waiting ON outbox (kind, id) WHERE refused_reason IS NULL;
      CREATE TABLE outbox_lease (kind TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL);
      INSERT INTO outbox_lease (kind, holder, until_ms) VALUES ('event', '', 0), ('task', '', 0);`,
  },
  {
    name: '0002-refused',
    sql: 'CREATE INDEX outbox_refused ON outbox (kind) WHERE refused_reason IS NOT NULL',
  },
];

type NewEntry = Omit<OutboxEntry, 'id'>;

const insertSql =
  'INSERT INTO outbox (kind, destination, key, headers, value, time_ms) VALUES ($1, $2, $3, $4, $5, $6)';

function rowOf(kind: OutboxKind, { destination, key, headers, value, timeMs }: NewEntry): SqlValue[] {
  return [kind, destination, key, JSON.stringify(headers), value, timeMs];
}

/** Adds an entry, and returns it. */
export async function insertEntry(tx: Transaction, kind: OutboxKind, entry: NewEntry): Promise<OutboxEntry> {
  const id = await insertRow(tx, insertSql, rowOf(kind, entry), 'id');
  if (id === undefined) throw new Error('the database returned no id of an outbox entry');
  return { ...entry, id };
}

/** Adds an entry without waiting for its id. */
export function deferEntry(tx: Transaction, kind: OutboxKind, entry: NewEntry): void {
  tx.defer(insertSql, rowOf(kind, entry));
}

/** Returns the oldest waiting entries, in id order. */
export async function selectWaiting(db: Queryable, kind: OutboxKind, limit: number): Promise<OutboxEntry[]> {
  const rows = await db.query<EntryRow>(
    `SELECT id, destination, key, headers, value, time_ms FROM outbox
     WHERE kind = $1 AND refused_reason IS NULL ORDER BY id LIMIT $2`,
    [kind, limit],
  );
  return rows.map((row) => ({
    id: row.id,
    destination: row.destination,
    key: row.key,
    headers: JSON.parse(row.headers) as Record<string, string>,
    value: row.value,
    timeMs: Number(row.time_ms),
  }));
}

/** Deletes delivered entries. By id, so an entry that was committed late under a lower id is not skipped. */
export function deleteEntries(tx: Transaction, ids: readonly bigint[]): void {
  if (ids.length === 0) return;
  const { placeholders, params } = paddedList(ids);
  tx.defer(`DELETE FROM outbox WHERE id IN (${placeholders})`, params);
}

/** Releases entries that an earlier version of this program held back because they were refused. */
export async function releaseHeldBack(db: Queryable, kind: OutboxKind): Promise<void> {
  const sql = 'UPDATE outbox SET refused_reason = NULL WHERE kind = $1 AND refused_reason IS NOT NULL';
  await db.execute(sql, [kind]);
}

/** Returns the number of entries of a kind. */
export function countEntries(db: Queryable, kind: OutboxKind): Promise<number> {
  return countInSlices(0n, 10_000, async (after, size) => {
    const [row] = await db.query<{ entries: bigint; last: bigint | null }>(
      `SELECT count(*) AS entries, max(id) AS last FROM (
         SELECT id FROM outbox WHERE kind = $1 AND refused_reason IS NULL AND id > $2 ORDER BY id LIMIT $3
       ) AS slice`,
      [kind, after, size],
    );
    return { count: Number(row?.entries ?? 0n), last: row?.last ?? undefined };
  });
}

/** Returns the number of entries of each kind and the time of the oldest. */
export function measureOutbox(db: Queryable): Promise<OutboxBacklog[]> {
  return Promise.all(
    (['event', 'task'] as const).map(async (kind) => {
      const [oldest] = await db.query<{ time_ms: bigint }>(
        'SELECT time_ms FROM outbox WHERE kind = $1 AND refused_reason IS NULL ORDER BY id LIMIT 1',
        [kind],
      );
      const entries = oldest ? await countEntries(db, kind) : 0;
      return { kind, entries, oldestTimeMs: oldest && Number(oldest.time_ms) };
    }),
  );
}
