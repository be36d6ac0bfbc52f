import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { type PostgresServer, postgres, startPostgres } from '../../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../../testing/servers/servers.ts';
import type { Storage, Transaction } from '../../storage.ts';
import { openPostgres, type PostgresOptions } from '../postgres.ts';

export const accounts = {
  name: '0001-init',
  sql: "CREATE TABLE account (id TEXT PRIMARY KEY, balance BIGINT NOT NULL); INSERT INTO account VALUES ('a', 0), ('b', 0)",
};
// A commit that takes as long as a test needs.
export const slowCommit = {
  name: '0002-slow-commit',
  sql: `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`,
};
// A commit that loses a race once.
export const lostCommit = {
  name: '0002-lost-commit',
  sql: `CREATE SEQUENCE tries;
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF nextval(''tries'') < 2 THEN RAISE serialization_failure; END IF; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER lose AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()`,
};

export function credit(tx: Pick<Transaction, 'execute'>, id: string): Promise<number> {
  return tx.execute('UPDATE account SET balance = balance + 1 WHERE id = $1', [id]);
}

/** Credits all accounts in the message of the commit, which takes two seconds. */
export async function deferSlowly(tx: Pick<Transaction, 'defer'>): Promise<void> {
  tx.defer('UPDATE account SET balance = balance + 1');
  tx.defer('SELECT pg_sleep(2)');
}

export async function balances(storage: Storage): Promise<unknown[]> {
  return (await storage.query('SELECT balance FROM account ORDER BY id')).map((row) => row.balance);
}

export async function sleepers(storage: Storage): Promise<unknown> {
  const sql =
    "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
  return (await storage.query(sql))[0]?.n;
}

/** Opens a database with the table `account`, a new one by default. */
export type OpenAccounts = (options?: PostgresOptions, url?: string) => Promise<Storage>;

/** Describes tests that need a server. */
export function describeWithAccounts(
  title: string,
  tests: (open: OpenAccounts, server: () => PostgresServer) => void,
): void {
  describeWithServer(postgres, title, () => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres();
    });
    afterAll(() => server.stop());

    async function open(options: PostgresOptions = {}, url = server.url(randomUUID())): Promise<Storage> {
      const storage = await openPostgres(url, options);
      onTestFinished(() => storage.close());
      await storage.migrate('test', [accounts]);
      return storage;
    }

    tests(open, () => server);
  });
}
