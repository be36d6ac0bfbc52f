import type { Migration, Queryable } from '../storage.ts';

/** What a database keeps of the times that it has seen. */
export interface SeenTimes {
  /** What the clock of a process showed when it wrote last. */
  readonly clockMs: number | undefined;
  /** How far the time has come by which rows age; see `openAgingClock`. */
  readonly agedToMs: number | undefined;
}

/** The set of the table's migrations. */
export const probeSet = 'storage';

/** One row, which `check` writes to see that writes work. It is part of every database. */
export const probeMigrations: readonly Migration[] = [
  {
    name: '0001-probe',
    sql: `
      CREATE TABLE storage_probe (id BIGINT NOT NULL PRIMARY KEY, clock_ms BIGINT, aged_to_ms BIGINT);
      INSERT INTO storage_probe (id) VALUES (1);`,
  },
];

/**
 * Notes what the clock shows ($1), and how far the rows have aged ($2, or NULL): never less than is noted, and nothing where
 * nothing is. Its one row has the `aged_to_ms` that is noted then.
 */
export const noteSeen = `INSERT INTO storage_probe (id, clock_ms) VALUES (1, $1)
  ON CONFLICT (id) DO UPDATE SET clock_ms = excluded.clock_ms, aged_to_ms =
    CASE WHEN $2 > storage_probe.aged_to_ms THEN $2 ELSE storage_probe.aged_to_ms END
  RETURNING aged_to_ms`;

/** Notes how far the rows have aged where nothing is noted; resolves with what is noted then. */
export async function noteStartOfAging(db: Pick<Queryable, 'query'>, agedToMs: number): Promise<number> {
  const [row] = await db.query<{ aged_to_ms: bigint }>(
    `INSERT INTO storage_probe (id, aged_to_ms) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET
       aged_to_ms = COALESCE(storage_probe.aged_to_ms, excluded.aged_to_ms) RETURNING aged_to_ms`,
    [agedToMs],
  );
  return Number(row?.aged_to_ms);
}

/** What was noted. */
export async function seenTimes(db: Pick<Queryable, 'query'>): Promise<SeenTimes> {
  const [row] = await db.query<{ clock_ms: bigint | null; aged_to_ms: bigint | null }>(
    'SELECT clock_ms, aged_to_ms FROM storage_probe WHERE id = 1',
  );
  return { clockMs: toNumber(row?.clock_ms), agedToMs: toNumber(row?.aged_to_ms) };
}

function toNumber(value: bigint | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
