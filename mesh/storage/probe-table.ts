import type { Migration, Queryable } from './storage.ts';

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
 * A statement that notes what the clock shows and how far the rows have aged: never less than is noted, and nothing new
 * without `agedToMs` where something is. Its one row has `aged_to_ms`.
 */
export function noteSeen(clockMs: number, agedToMs: number | undefined): string {
  const [clock, aged] = [Math.floor(clockMs), Math.floor(agedToMs ?? clockMs)];
  const isOlder = agedToMs === undefined ? 'IS NOT NULL' : `> ${aged}`;
  return `INSERT INTO storage_probe (id, clock_ms, aged_to_ms) VALUES (1, ${clock}, ${aged})
    ON CONFLICT (id) DO UPDATE SET clock_ms = excluded.clock_ms, aged_to_ms =
      CASE WHEN storage_probe.aged_to_ms ${isOlder} THEN storage_probe.aged_to_ms ELSE excluded.aged_to_ms END
    RETURNING aged_to_ms`;
}

/** A statement that notes how far the rows have aged: never less than is noted. */
export function noteAged(agedToMs: number): string {
  const aged = Math.floor(agedToMs);
  return `UPDATE storage_probe SET aged_to_ms = ${aged} WHERE id = 1 AND (aged_to_ms IS NULL OR aged_to_ms < ${aged})`;
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
