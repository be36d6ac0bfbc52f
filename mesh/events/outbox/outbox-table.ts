import { paddedList } from '../../storage/sql.ts';
import type { Migration, Queryable, Row, Transaction } from '../../storage/storage.ts';

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
];

/** Adds an entry. */
export async function insertEntry(tx: Transaction, kind: OutboxKind, entry: Omit<OutboxEntry, 'id'>): Promise<void> {
  await tx.execute(
    'INSERT INTO outbox (kind, destination, key, headers, value, time_ms) VALUES ($1, $2, $3, $4, $5, $6)',
    [kind, entry.destination, entry.key, JSON.stringify(entry.headers), entry.value, entry.timeMs],
  );
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
export async function deleteEntries(tx: Transaction, entries: readonly OutboxEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const { placeholders, params } = paddedList(entries.map((entry) => entry.id));
  await tx.execute(`DELETE FROM outbox WHERE id IN (${placeholders})`, params);
}

/** Releases entries that an earlier version of this program held back because they were refused. */
export async function releaseHeldBack(db: Queryable, kind: OutboxKind): Promise<void> {
  const sql = 'UPDATE outbox SET refused_reason = NULL WHERE kind = $1 AND refused_reason IS NOT NULL';
  await db.execute(sql, [kind]);
}

/** Returns the number of entries of a kind. */
export async function countEntries(db: Queryable, kind: OutboxKind): Promise<number> {
  const [row] = await db.query<{ entries: bigint }>('SELECT count(*) AS entries FROM outbox WHERE kind = $1', [kind]);
  return Number(row?.entries ?? 0n);
}

/** Returns the number of entries of each kind and the time of the oldest. */
export async function measureOutbox(db: Queryable): Promise<OutboxBacklog[]> {
  const rows = await db.query<{ kind: OutboxKind; entries: bigint; oldest: bigint }>(
    'SELECT kind, count(*) AS entries, min(time_ms) AS oldest FROM outbox GROUP BY kind',
  );
  const found = new Map(rows.map((row) => [row.kind, row]));
  return (['event', 'task'] as const).map((kind) => {
    const { entries = 0n, oldest } = found.get(kind) ?? {};
    return { kind, entries: Number(entries), oldestTimeMs: oldest === undefined ? undefined : Number(oldest) };
  });
}
