import { skipLocked } from '../../storage/skip-locked.ts';
import { paddedList } from '../../storage/sql.ts';
import type { Storage } from '../../storage/storage.ts';
import { type SagaRow, type StoredSaga, sagaFromRow } from './saga-table.ts';

/** A kind of saga that this process can drive. */
export interface SagaKind {
  readonly name: string;
  readonly version: number;
}

/** Claims up to `limit` due sagas, the oldest first. */
export async function claimDue(
  storage: Storage,
  kinds: readonly SagaKind[],
  claim: { readonly owner: string; readonly nowMs: number; readonly leaseEndMs: number; readonly limit: number },
): Promise<StoredSaga[]> {
  const isSqlite = storage.dialect === 'sqlite';
  // With outdated statistics, a database would read and sort all due sagas for each claim.
  const inLine = isSqlite ? 'INDEXED BY saga_line' : '';
  const lockRows = skipLocked(storage);
  const rows = await storage.transaction(async (tx) => {
    if (!isSqlite) tx.defer('SET LOCAL enable_sort = off');
    return tx.query<SagaRow>(
      `UPDATE saga SET lease_owner = $1, due_time = $2, epoch = epoch + 1
       WHERE due_time <= $3 AND id IN (
         SELECT id FROM saga ${inLine} WHERE due_time <= $3 ${claimable(storage)} AND ${isOfKinds(kinds, 4)}
         ORDER BY create_time LIMIT $4 ${lockRows})
       RETURNING *`,
      [claim.owner, claim.leaseEndMs, claim.nowMs, claim.limit, ...kindParams(kinds)],
    );
  });
  return rows.map(sagaFromRow);
}

/**
 * Makes sagas due at `nowMs` that are due after `farthestWaitMs`, or that others have leased for longer than
 * `farthestLeaseMs`. Returns how many there were.
 */
export function resetMisdated(
  storage: Storage,
  limits: {
    readonly owner: string;
    readonly nowMs: number;
    readonly farthestWaitMs: number;
    readonly farthestLeaseMs: number;
  },
): Promise<number> {
  const { owner, nowMs, farthestWaitMs, farthestLeaseMs } = limits;
  return storage.transaction((tx) =>
    tx.execute(
      `UPDATE saga SET lease_owner = NULL, due_time = $1, epoch = epoch + 1
       WHERE due_time > $2
         AND ((lease_owner IS NULL AND due_time > $3) OR (lease_owner <> $4 AND due_time > $5))`,
      [nowMs, Math.min(farthestWaitMs, farthestLeaseMs), farthestWaitMs, owner, farthestLeaseMs],
    ),
  );
}

/** Returns when the next waiting saga is due; undefined if none waits. */
export async function nextDueTime(storage: Storage, kinds: readonly SagaKind[]): Promise<number | undefined> {
  const [row] = await storage.query<{ due_time: bigint }>(
    `SELECT due_time FROM saga WHERE due_time IS NOT NULL AND lease_owner IS NULL AND ${isOfKinds(kinds, 0)}
     ORDER BY due_time LIMIT 1`,
    kindParams(kinds),
  );
  return row && Number(row.due_time);
}

/** Extends the leases of `ids` that `owner` still holds. */
export async function renewLeases(
  storage: Storage,
  owner: string,
  ids: readonly string[],
  leaseEndMs: number,
): Promise<void> {
  const { placeholders, params } = paddedList(ids);
  const next = params.length + 1;
  await storage.transaction((tx) =>
    tx.execute(`UPDATE saga SET due_time = $${next} WHERE lease_owner = $${next + 1} AND id IN (${placeholders})`, [
      ...params,
      leaseEndMs,
      owner,
    ]),
  );
}

const releasePageSize = 500;

/** Ends the leases of `owner`, or of everyone else, so their sagas are due at `nowMs`. */
export async function releaseLeases(
  storage: Storage,
  whose: 'own' | 'others',
  owner: string,
  nowMs: number,
): Promise<void> {
  const comparison = whose === 'own' ? '=' : '<>';
  let released: number;
  do {
    released = await storage.transaction((tx) =>
      tx.execute(
        `UPDATE saga SET lease_owner = NULL, due_time = $1, epoch = epoch + 1 WHERE id IN (
           SELECT id FROM saga WHERE due_time IS NOT NULL AND lease_owner ${comparison} $2 LIMIT $3)`,
        [nowMs, owner, releasePageSize],
      ),
    );
  } while (released === releasePageSize);
}

// On an exclusive storage every lease belongs to this process, which knows what it drives.
function claimable(storage: Storage): string {
  return storage.exclusive ? 'AND lease_owner IS NULL' : '';
}

/** Returns an SQL condition for sagas of `kinds`. Its parameters are `kindParams`, after `paramsBefore` others. */
export function isOfKinds(kinds: readonly SagaKind[], paramsBefore: number): string {
  const pairs = kinds.map((_, index) => {
    const first = paramsBefore + 2 * index + 1;
    return `(name = $${first} AND definition_version = $${first + 1})`;
  });
  return pairs.length === 0 ? 'FALSE' : `(${pairs.join(' OR ')})`;
}

export function kindParams(kinds: readonly SagaKind[]): (string | number)[] {
  return kinds.flatMap(({ name, version }) => [name, version]);
}
