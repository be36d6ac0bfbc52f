import { skipLocked } from '../storage/skip-locked.ts';
import type { Migration, Queryable, Transaction } from '../storage/storage.ts';

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
  /** As an earlier version stored it, before there were users; `undefined` if that is the same. */
  readonly former?: Pick<RequestKey, 'requestId' | 'fingerprint'>;
}

/** What is stored of a request and its response. */
export interface HandledRequest {
  readonly fingerprint: Uint8Array;
  readonly response: Uint8Array;
}

type StoredRow = {
  readonly method: string;
  readonly request_id: string;
  fingerprint: Uint8Array;
  response: Uint8Array;
};

/** What is stored under an id. */
export interface StoredUnderId {
  /** For the user of the request, or for nobody if it has none. */
  readonly own: HandledRequest | undefined;
  /** For nobody, if the request has a user. */
  readonly ofNobody: Pick<HandledRequest, 'fingerprint'> | undefined;
}

/** What a claim has found. */
export interface Claim extends Pick<StoredUnderId, 'ofNobody'> {
  /** False if the id has a response. */
  readonly isNew: boolean;
}

/** In place of a fingerprint, which has 32 bytes: users have the id. So it is taken for calls without a user. */
const takenByUsers = Buffer.from('users');

/**
 * Claims the id for this transaction, unless it has a response. Waits for a concurrent transaction with the same id. An id
 * of a user becomes taken for calls without a user, too, which may be the same one, repeated after authentication was
 * turned off; what nobody's request stored under it is kept as long as that of the user.
 */
export async function claimRequest(tx: Queryable, key: RequestKey, nowMs: number): Promise<Claim> {
  const { method, requestId, fingerprint } = key;
  if (key.subject === undefined) {
    const sql =
      'INSERT INTO handled_request (method, request_id, fingerprint, create_time) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING';
    return { isNew: (await tx.execute(sql, [method, requestId, fingerprint, nowMs])) === 1, ofNobody: undefined };
  }
  const rows = await tx.query<{ method: string; fingerprint: Uint8Array }>(
    `INSERT INTO handled_request (method, request_id, fingerprint, create_time)
     VALUES ($1, $3, $4, $6), ($2, $3, $5, $6)
     ON CONFLICT (method, request_id) DO UPDATE SET create_time = excluded.create_time WHERE handled_request.method = $2
     RETURNING method, fingerprint`,
    [storedMethod(key), method, requestId, fingerprint, takenByUsers, nowMs],
  );
  return {
    isNew: rows.some((row) => row.method !== method),
    ofNobody: rows.find((row) => row.method === method),
  };
}

/** Stores the response to a claimed request. */
export function storeResponse(tx: Transaction, key: RequestKey, response: Uint8Array): void {
  tx.defer('UPDATE handled_request SET response = $3 WHERE method = $1 AND request_id = $2', [
    storedMethod(key),
    key.requestId,
    response,
  ]);
}

/** Finds what is stored under the id of a request, also as an earlier version wrote the id. */
export async function findStored(from: Queryable, key: RequestKey): Promise<StoredUnderId> {
  const { method, requestId, former = key } = key;
  const rows = await selectStored(from, new Set([storedMethod(key), method]), new Set([requestId, former.requestId]));
  const find = (stored: string, id: string) => rows.find((row) => row.method === stored && row.request_id === id);
  const ofNobody = find(method, requestId) ?? find(method, former.requestId);
  if (key.subject === undefined) return { own: ofNobody, ofNobody: undefined };
  return { own: find(storedMethod(key), requestId), ofNobody };
}

function selectStored(from: Queryable, methods: Set<string>, requestIds: Set<string>): Promise<StoredRow[]> {
  const isOneOf = (values: Set<string>, before: number) =>
    // SQLite makes a table of a list, even of a list of one.
    values.size === 1 ? `= $${before + 1}` : `IN ($${before + 1}, $${before + 2})`;
  return from.query<StoredRow>(
    `SELECT method, request_id, fingerprint, response FROM handled_request
     WHERE method ${isOneOf(methods, 0)} AND request_id ${isOneOf(requestIds, methods.size)}`,
    [...methods, ...requestIds],
  );
}

/** Whether an earlier version wrote the id in another way, so that a claim does not meet it. */
export function hasFormerId({ requestId, former }: RequestKey): boolean {
  return former !== undefined && former.requestId !== requestId;
}

/** Deletes up to `limit` of the oldest from before `timeMs`; returns how many. */
export function purgeBefore(tx: Transaction, timeMs: number, limit: number): Promise<number> {
  const sql = `DELETE FROM handled_request WHERE (method, request_id) IN (
    SELECT method, request_id FROM handled_request WHERE create_time < $1 ORDER BY create_time LIMIT $2 ${skipLocked(tx)})`;
  return tx.execute(sql, [timeMs, limit]);
}

/**
 * The method as it is stored: the first part of the primary key. It has the subject too, after a space, which no method
 * has: so rows from before calls had users are those without one, and instances of the version before can use the table
 * during an update.
 */
function storedMethod({ method, subject }: RequestKey): string {
  return subject === undefined ? method : `${method} ${subject}`;
}
