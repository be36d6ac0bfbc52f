import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished } from 'vitest';
import { eventually } from '../../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../../testing/servers/servers.ts';
import type { Storage, Transaction } from '../../storage.ts';
import { openPostgres } from '../postgres.ts';

export const counters = {
  name: '0001-init',
  sql: "CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL); INSERT INTO counter VALUES ('a', 0), ('b', 0)",
};
// A commit that takes as long as a test needs, once the counter is 3.
export const slowCommit = {
  name: '0002-slow-commit',
  sql: `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (NEW.value = 3) EXECUTE FUNCTION wait()`,
};
// A commit that loses a race twice.
export const lostCommits = {
  name: '0002-lost-commits',
  sql: `CREATE SEQUENCE tries;
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF nextval(''tries'') < 3 THEN RAISE serialization_failure; END IF; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER lose AFTER UPDATE ON counter DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        EXECUTE FUNCTION lose()`,
};
export const waitsForALock =
  "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
export const untilOneWaitsForALock = `DO $wait$ BEGIN
  WHILE NOT EXISTS (${waitsForALock}) LOOP PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $wait$`;
export const inGroup = { commitGroup: 'hot' };
export const unavailable = { code: 14, reason: 'STORAGE_UNAVAILABLE' };

export async function increment(tx: Transaction, name = 'a'): Promise<number> {
  const [row] = await tx.query('UPDATE counter SET value = value + 1 WHERE name = $1 RETURNING value', [name]);
  return Number(row?.value);
}

export async function values(storage: Storage): Promise<unknown[]> {
  return (await storage.query('SELECT value FROM counter ORDER BY name')).map((row) => row.value);
}

/** The processes of the server that sleep in a statement of a test. */
export async function sleepers(storage: Storage): Promise<bigint[]> {
  const sql =
    "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database() AND pid <> pg_backend_pid()";
  return (await storage.query<{ pid: bigint }>(sql)).map((row) => row.pid);
}

export async function oneWaitsForALock(storage: Storage): Promise<void> {
  await eventually(async () => expect(await storage.query(waitsForALock)).toHaveLength(1));
}

export async function terminateSleeper(storage: Storage): Promise<void> {
  await eventually(async () => expect(await sleepers(storage)).toHaveLength(1));
  await storage.query('SELECT pg_terminate_backend($1)', await sleepers(storage));
}

/** A database with the table `counter`, new for each test. */
export interface Counters {
  readonly server: PostgresServer;
  readonly url: string;
  readonly storage: Storage;
  readonly open: (database?: string) => Promise<Storage>;
  readonly lock: (name: string, by?: Storage) => Promise<() => Promise<void>>;
  readonly runTogether: <T>(
    works: readonly ((tx: Transaction) => Promise<T>)[],
    signals?: (AbortSignal | undefined)[],
  ) => Promise<T>[];
}

/** Describes tests that need a server; `counters` returns the database of the running test. */
export function describeWithCounters(title: string, tests: (counters: () => Counters) => void): void {
  describeWithServer(postgres, title, () => {
    let server: PostgresServer;
    let url: string;
    let storage: Storage;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      url = server.url(randomUUID());
      storage = await open();
      await storage.migrate('test', [counters]);
    });

    async function open(database = url): Promise<Storage> {
      const opened = await openPostgres(database);
      onTestFinished(() => opened.close());
      return opened;
    }

    /** Increments a counter outside of commit groups, in a transaction that stays open until the returned function is called. */
    async function lock(name: string, by = storage): Promise<() => Promise<void>> {
      const [locked, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const locking = by.transaction(async (tx) => {
        await increment(tx, name);
        locked.resolve();
        await end.promise;
      });
      await locked.promise;
      return () => {
        end.resolve();
        return locking;
      };
    }

    /** Runs `works` in one commit group. Those of one turn share their commit. */
    function runTogether<T>(
      works: readonly ((tx: Transaction) => Promise<T>)[],
      signals: (AbortSignal | undefined)[] = [],
    ) {
      return works.map((work, index) => {
        const signal = signals[index];
        return storage.transaction(work, signal === undefined ? inGroup : { ...inGroup, signal });
      });
    }

    tests(() => ({ server, url, storage, open, lock, runTogether }));
  });
}
