import { nowSql } from '../../storage/sql.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';

/** A clock that all processes sharing a database use, so none treats another one's lease as expired. */
export interface DatabaseClock extends Clock {
  /**
   * Reads the time of the database; `now` returns that and what has passed since. An answer that took 1 s or more is not
   * precise enough: the one before it stays in use, and a first one counts as from the end of the wait, since a clock that is
   * behind takes no lease from another process. Rejects as the database does.
   */
  adjust(): Promise<void>;
}

/** Returns the time of a database, in milliseconds since the epoch. */
export type DatabaseTime = () => Promise<number>;

const longestAnswerMs = 1_000;

/**
 * Creates the clock of a database: PostgreSQL's own, and `clock` until it has been read. All users of a SQLite file are on
 * one machine, so there it is `clock`. `ask` replaces PostgreSQL in tests.
 */
export function createDatabaseClock(storage: Storage, clock: Clock, ask?: DatabaseTime): DatabaseClock {
  if (storage.dialect === 'sqlite') return { ...clock, adjust: async () => undefined };
  const databaseTime = ask ?? (() => postgresTime(storage));
  let aheadOfElapsedMs: number | undefined;
  return {
    ...clock,
    now: () => (aheadOfElapsedMs === undefined ? clock.now() : Math.round(aheadOfElapsedMs + clock.elapsedMs())),
    async adjust() {
      const askedMs = clock.elapsedMs();
      const databaseMs = await databaseTime();
      const answeredMs = clock.elapsedMs();
      if (answeredMs - askedMs < longestAnswerMs) aheadOfElapsedMs = databaseMs - askedMs;
      else aheadOfElapsedMs ??= databaseMs - answeredMs;
    },
  };
}

async function postgresTime(storage: Storage): Promise<number> {
  const [row] = await storage.query<{ now_ms: bigint }>(`SELECT ${nowSql(storage)} AS now_ms`);
  return Number(row?.now_ms);
}
