import type { Migration, Queryable } from '../storage.ts';

/** The times that a database has recorded. */
export interface SeenTimes {
  /** The machine's clock at the last check of a process. */
  readonly clockMs: number | undefined;
  /** The time by which rows age; see `openAgingClock`. */
  readonly agedToMs: number | undefined;
}

/** The migration set of the table. */
export const probeSet = 'storage';

/** A table of one row in every database. `check` writes it to find out whether writes work. */
export const probeMigrations: readonly Migration[] = [
  {
    name: '0001-probe',
    sql: `
      CREATE TABLE storage_probe (id BIGINT NOT NULL PRIMARY KEY, clock_ms BIGINT, aged_to_ms BIGINT);
      INSERT INTO storage_probe (id) VALUES (1);`,
  },
];

/**
 * Records the clock ($1) and how far the rows have aged ($2, or NULL). The latter never decreases, and stays unset if it is
 * unset. Returns one row with the `aged_to_ms` that is recorded then.
 */
export const noteSeen = `INSERT INTO storage_probe (id, clock_ms) VALUES (1, $1)
  ON CONFLICT (id) DO UPDATE SET clock_ms = excluded.clock_ms, aged_to_ms =
    CASE WHEN $2 > storage_probe.aged_to_ms THEN $2 ELSE storage_probe.aged_to_ms END
  RETURNING aged_to_ms`;

/** Records how far the rows have aged, unless that is recorded. Resolves with what is recorded then. */
export async function noteStartOfAging(db: Pick<Queryable, 'query'>, agedToMs: number): Promise<number> {
  const [row] = await db.query<{ aged_to_ms: bigint }>(
    `INSERT INTO storage_probe (id, aged_to_ms) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET
       aged_to_ms = COALESCE(storage_probe.aged_to_ms, excluded.aged_to_ms) RETURNING aged_to_ms`,
    [agedToMs],
  );
  return Number(row?.aged_to_ms);
}

export async function seenTimes(db: Pick<Queryable, 'query'>): Promise<SeenTimes> {
  const [row] = await db.query<{ clock_ms: bigint | null; aged_to_ms: bigint | null }>(
    'SELECT clock_ms, aged_to_ms FROM storage_probe WHERE id = 1',
  );
  return { clockMs: toNumber(row?.clock_ms), agedToMs: toNumber(row?.aged_to_ms) };
}

function toNumber(value: bigint | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
