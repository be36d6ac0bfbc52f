import type { Storage } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';

/** A clock that all go by who share a database, so that none takes for over what another has still leased. */
export interface DatabaseClock extends Clock {
  /**
   * Asks the database what time it is; `now` shows that and what has passed since. An answer that took 1 s or more says too
   * little: the one before holds, and a first one is taken to be of the end of the wait, since a clock that is behind takes no
   * lease from another. Fails as the database does.
   */
  adjust(): Promise<void>;
}

/** What the clock of a database shows, in milliseconds since the epoch. */
export type DatabaseTime = () => Promise<number>;

const longestAnswerMs = 1_000;

/**
 * Makes the clock of a database: PostgreSQL's own, and `clock` until that was asked. Whoever uses a SQLite file is on one
 * machine with it, so there it is `clock`. `ask`, instead of PostgreSQL, is for tests.
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
  const [row] = await storage.query<{ now_ms: bigint }>(
    'SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now_ms',
  );
  return Number(row?.now_ms);
}
