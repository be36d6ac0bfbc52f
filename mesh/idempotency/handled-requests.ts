import { skipLocked } from '../storage/skip-locked.ts';
import type { Migration, Queryable, SqlValue, Transaction } from '../storage/storage.ts';

/** The table of responses. Its text is fixed, because databases have its checksum. */
export const idempotencyMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `CREATE TABLE handled_request (
  method TEXT NOT NULL,
  request_id TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  response BYTEA,
  create_time BIGINT NOT NULL,
  PRIMARY KEY (method, request_id)
);

CREATE INDEX handled_request_by_time ON handled_request (create_time);
`,
  },
];

/** Identifies a request without its content. */
export interface RequestKey {
  readonly method: string;
  /** The user for whom it is made, whose ids are separate from those of others; `undefined`: none. */
  readonly subject: string | undefined;
  readonly requestId: string;
  readonly fingerprint: Uint8Array;
  /** Its key as an earlier version stored it; `undefined` if that is the same. */
  readonly former?: RequestKey;
}

/** What is stored of a request and its response. */
export interface HandledRequest {
  readonly fingerprint: Uint8Array;
  readonly response: Uint8Array;
}

/**
 * Claims the id for this transaction; false if it has a response. Waits for a concurrent transaction with the same id.
 */
export async function claimRequest(tx: Queryable, key: RequestKey, nowMs: number): Promise<boolean> {
  const sql =
    'INSERT INTO handled_request (method, request_id, fingerprint, create_time) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING';
  return (await tx.execute(sql, [...idOf(key), key.fingerprint, nowMs])) === 1;
}

/** Stores the response to a claimed request. */
export async function storeResponse(tx: Queryable, key: RequestKey, response: Uint8Array): Promise<void> {
  await tx.execute('UPDATE handled_request SET response = $3 WHERE method = $1 AND request_id = $2', [
    ...idOf(key),
    response,
  ]);
}

/** Finds the request with this id and its response. */
export async function findHandled(from: Queryable, key: RequestKey): Promise<HandledRequest | undefined> {
  const sql = 'SELECT fingerprint, response FROM handled_request WHERE method = $1 AND request_id = $2';
  const [row] = await from.query<{ fingerprint: Uint8Array; response: Uint8Array }>(sql, idOf(key));
  if (row !== undefined || key.former === undefined || key.former.requestId === key.requestId) return row;
  return await findHandled(from, key.former);
}

/** Whether an earlier version stored a response under another id. */
export async function isHandledAsFormer(tx: Queryable, { requestId, former }: RequestKey): Promise<boolean> {
  if (former === undefined || former.requestId === requestId) return false;
  return (await findHandled(tx, former)) !== undefined;
}

/** Deletes up to `limit` of the oldest from before `timeMs`; returns how many. */
export function purgeBefore(tx: Transaction, timeMs: number, limit: number): Promise<number> {
  const sql = `DELETE FROM handled_request WHERE (method, request_id) IN (
    SELECT method, request_id FROM handled_request WHERE create_time < $1 ORDER BY create_time LIMIT $2 ${skipLocked(tx)})`;
  return tx.execute(sql, [timeMs, limit]);
}

/**
 * The primary key. The column `method` has the subject too, after a space, which no method has: so rows from before
 * calls had users are those without one, and instances of the version before can use the table during an update.
 */
function idOf({ method, subject, requestId }: RequestKey): readonly SqlValue[] {
  return [subject === undefined ? method : `${method} ${subject}`, requestId];
}
