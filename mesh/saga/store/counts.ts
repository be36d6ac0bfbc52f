import { type CountedGroup, countByName } from '../../storage/count-in-slices.ts';
import type { Queryable, Storage } from '../../storage/storage.ts';
import type { SagaState } from '../decide/record.ts';
import { isOfKinds, kindParams, type SagaKind } from './leases.ts';

/** How many sagas of one name are in one state. */
export interface SagaCount {
  readonly name: string;
  readonly state: SagaState;
  readonly count: number;
  /** When the oldest of them was created. */
  readonly oldestTimeMs: number;
}

/** The states of a saga that has not ended. */
export const unfinishedStates = ['running', 'compensating', 'needs-attention'] as const satisfies readonly SagaState[];

// The second condition is that of the index.
const isActive = "state IN ('running', 'compensating') AND state <> 'completed'";

/** Counts the sagas that have not ended, by name and state. It does not get slower with those that have. */
export async function countByState(db: Queryable): Promise<SagaCount[]> {
  const counts = await Promise.all(unfinishedStates.map((state) => countOfState(db, state)));
  return counts.flat();
}

async function countOfState(db: Queryable, state: SagaState): Promise<SagaCount[]> {
  const counts = await countByName((after, size) =>
    db.query<CountedGroup>(
      `WITH slice AS (SELECT id, name, create_time FROM saga
         WHERE state = $1 AND state <> 'completed' AND id > $2 ORDER BY id LIMIT $3)
       SELECT name, count(*) AS count, min(create_time) AS oldest, (SELECT max(id) FROM slice) AS last
       FROM slice GROUP BY name`,
      [state, after, size],
    ),
  );
  return counts.map((count) => ({ ...count, state }));
}

/** Returns how many sagas are unfinished, by whether they continue by themselves or need attention. */
export async function countUnfinished(
  db: Queryable,
): Promise<{ readonly active: number; readonly needAttention: number }> {
  const [row] = await db.query<{ active: bigint; need_attention: bigint }>(
    `SELECT (SELECT count(*) FROM saga WHERE ${isActive}) AS active,
            (SELECT count(*) FROM saga WHERE state = 'needs-attention' AND state <> 'completed') AS need_attention`,
  );
  return { active: Number(row?.active), needAttention: Number(row?.need_attention) };
}

/** Returns how many sagas of any kind continue by themselves. Of any kind, so an index alone has the answer. */
export async function countActive(db: Queryable): Promise<number> {
  const [row] = await db.query<{ active: bigint }>(`SELECT count(*) AS active FROM saga WHERE ${isActive}`);
  return Number(row?.active);
}

/** Returns how long the saga of these kinds that has been due longest has waited for a driver; 0 if none waits. */
export async function longestWaitMs(db: Queryable, kinds: readonly SagaKind[], nowMs: number): Promise<number> {
  const [row] = await db.query<{ due_time: bigint }>(
    `SELECT due_time FROM saga WHERE due_time <= $1 AND lease_owner IS NULL AND ${isOfKinds(kinds, 1)}
     ORDER BY due_time LIMIT 1`,
    [nowMs, ...kindParams(kinds)],
  );
  return row ? nowMs - Number(row.due_time) : 0;
}

/** Returns how many processes drive sagas of this database now. */
export async function countDrivers(db: Queryable, nowMs: number): Promise<number> {
  const [row] = await db.query<{ drivers: bigint }>(
    'SELECT count(DISTINCT lease_owner) AS drivers FROM saga WHERE due_time > $1 AND lease_owner IS NOT NULL',
    [nowMs],
  );
  return Number(row?.drivers);
}

/** Returns the kinds of unfinished sagas that are not among `kinds`. */
export async function selectUndefinedKinds(storage: Storage, kinds: readonly SagaKind[]): Promise<SagaKind[]> {
  const rows = await storage.query<{ name: string; definition_version: bigint }>(
    `SELECT DISTINCT name, definition_version FROM saga
     WHERE due_time IS NOT NULL AND NOT (${isOfKinds(kinds, 0)})`,
    kindParams(kinds),
  );
  return rows.map((row) => ({ name: row.name, version: Number(row.definition_version) }));
}
