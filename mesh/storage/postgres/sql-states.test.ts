import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import type { Queryable, Storage, TransactionOptions } from '../storage.ts';
import { openPostgres } from './postgres.ts';
import { kindOfState } from './sql-states.ts';

const notes = {
  name: '0001-init',
  sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT NOT NULL); INSERT INTO note VALUES (1, 'a'), (2, 'b')",
};
const unavailable = { code: Status.UNAVAILABLE, reason: 'STORAGE_UNAVAILABLE' };
const misconfigured = { code: Status.UNAVAILABLE, reason: 'STORAGE_MISCONFIGURED' };

describe('the kind of a SQLSTATE', () => {
  it.each([
    ['unavailable', ['08006', '08P01', '53200', '53300', '53400', '57000', '58030', '58P01', 'F0000']],
    ['ended', ['25P03', '25P04', '57P01', '57P02', '57P03', '57P04', '57P05']],
    ['busy', ['55P03', '55006', '57014']],
    ['full', ['53100']],
    ['read-only', ['25006']],
    ['denied', ['28000', '28P01', '42501', '0P000']],
    ['wrong-schema', ['3D000', '3F000', '42P01', '42703', '42883']],
    ['corrupt', ['XX001', 'XX002']],
    ['too-large', ['54000', '54001']],
    ['lost-race', ['40000', '40001', '40P01', '72000']],
    ['outcome-unknown', ['08007', '40003']],
    ['stale', ['26000', '42P05']],
    ['statement', ['0A000', '22003', '23505', '25P02', '40002', '42601', '55000', 'P0001', 'XX000', '99999', '']],
  ])('is %s', (kind, states) => {
    expect(states.map((state) => kindOfState(state))).toEqual(states.map(() => kind));
  });

  it('distinguishes a stale plan from an unsupported feature', () => {
    expect(kindOfState('0A000', 'RevalidateCachedQuery')).toBe('stale');
  });
});

describeWithServer(postgres, 'a failure of PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 30_000);
  afterAll(() => server.stop());

  async function open(url = server.url(randomUUID())): Promise<Storage> {
    const storage = await openPostgres(url, { poolSize: 3 });
    onTestFinished(() => storage.close());
    await storage.migrate('test', [notes]);
    return storage;
  }

  /** Lets another transaction lock the row until the test ends. */
  async function holdNote(storage: Storage): Promise<void> {
    const [held, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = storage.transaction(async (tx) => {
      await tx.query("UPDATE note SET text = 'held' WHERE id = 1");
      held.resolve();
      await over.promise;
    });
    onTestFinished(async () => {
      over.resolve();
      await holding;
    });
    await held.promise;
  }

  it.each(['lock_timeout', 'statement_timeout'])('is STORAGE_UNAVAILABLE for the %s, with advice', async (setting) => {
    const storage = await open();
    await holdNote(storage);
    const update = (options: TransactionOptions) =>
      storage.transaction(async (tx) => {
        await tx.query(`SELECT set_config('${setting}', '50ms', true)`);
        await tx.execute("UPDATE note SET text = 'changed' WHERE id = 1");
      }, options);
    for (const options of [{}, { commitGroup: 'hot' }]) {
      await expect(update(options)).rejects.toMatchObject(unavailable);
      await expect(update(options)).rejects.toThrow(/timed out: .*check pg_stat_activity/);
    }
  });

  it('is STORAGE_UNAVAILABLE if somebody else cancels a statement', async () => {
    const storage = await open();
    const sleeping = storage.query('SELECT pg_sleep(60)').catch((error: unknown) => error);
    const sql = "SELECT pg_cancel_backend(pid) AS done FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    await eventually(async () => expect(await storage.query(sql)).toHaveLength(1));
    expect(await sleeping).toMatchObject(unavailable);
  });

  it('is STORAGE_MISCONFIGURED if a table, a column or a right is missing, and names the statement', async () => {
    const url = server.url(randomUUID());
    const owner = await open(url);
    const role = `reader_${randomUUID().slice(0, 8)}`;
    await owner.execute(`CREATE ROLE ${role} LOGIN`);
    await owner.execute(`GRANT CREATE ON SCHEMA public TO ${role}`);
    for (const table of ['schema_migration', 'storage_probe']) await owner.execute(`GRANT ALL ON ${table} TO ${role}`);
    const asReader = new URL(url);
    asReader.username = role;
    const reader = await openPostgres(asReader.href);
    onTestFinished(() => reader.close());
    const cases: [Queryable, string][] = [
      [owner, 'SELECT text FROM notes'],
      [owner, 'SELECT words FROM note'],
      [reader, 'SELECT text FROM note'],
    ];
    for (const [storage, sql] of cases) {
      await expect(storage.query(sql)).rejects.toMatchObject(misconfigured);
      await expect(storage.query(sql)).rejects.toThrow(`in: ${sql}; `);
    }
  });

  it('is STORAGE_MISCONFIGURED if the user is refused', async () => {
    const url = new URL(server.url('postgres'));
    url.username = 'nobody-known';
    await expect(openPostgres(url.href)).rejects.toMatchObject(misconfigured);
    await expect(openPostgres(url.href)).rejects.toThrow(/role "nobody-known" does not exist; fix the user/);
  });

  it.each([
    ['XX001', { code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT' }],
    ['XX002', { code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT' }],
    ['53100', { code: Status.UNAVAILABLE, reason: 'STORAGE_FULL' }],
    ['53200', unavailable],
    ['58030', unavailable],
    ['54000', { code: Status.INTERNAL, reason: 'STORAGE_TOO_LARGE' }],
  ])('follows the SQLSTATE %s', async (state, expected) => {
    const storage = await open();
    const raise = `DO $do$ BEGIN RAISE EXCEPTION 'as a test wants it' USING ERRCODE = '${state}'; END $do$`;
    await expect(storage.execute(raise)).rejects.toMatchObject(expected);
    await expect(storage.execute(raise)).rejects.toThrow('as a test wants it');
  });

  it.each(['ALTER TABLE note ADD COLUMN size BIGINT', 'ALTER TABLE note ALTER COLUMN text TYPE VARCHAR(100)'])(
    'does not occur if the schema changes under prepared statements: %s',
    async (change) => {
      const url = server.url(randomUUID());
      const [storage, other] = [await open(url), await open(url)];
      const sql = 'SELECT * FROM note WHERE id = $1';
      const read = () => storage.query(sql, [1]);
      const write = (options: TransactionOptions) =>
        storage.transaction(async (tx) => {
          await tx.execute("UPDATE note SET text = text || '.' WHERE id = 2");
          return await tx.query(sql, [2]);
        }, options);
      const useAll = async () => {
        // On every connection of the pool, and three at a time in the commit group.
        const uses = Array.from({ length: 3 }, () => [read(), write({}), write({ commitGroup: 'hot' })]).flat();
        return (await Promise.all(uses)).map(([row]) => row);
      };
      await useAll();
      await other.execute(change);
      const rows = await useAll();
      expect(rows).toHaveLength(9);
      if (change.includes('size')) for (const row of rows) expect(row).toHaveProperty('size', null);
      expect(await storage.query('SELECT text FROM note WHERE id = 2')).toEqual([{ text: `b${'.'.repeat(12)}` }]);
    },
  );

  it('does not occur if a prepared statement is gone', async () => {
    const storage = await openPostgres(server.url(randomUUID()), { poolSize: 1 });
    onTestFinished(() => storage.close());
    const read = () => storage.query('SELECT 1 AS one');
    await read();
    for (const sql of ['DEALLOCATE ALL', 'DISCARD PLANS; DEALLOCATE ALL']) {
      await storage.migrate(randomUUID(), [{ name: '0001', sql }]);
      expect(await read()).toEqual([{ one: 1n }]);
      expect(await storage.transaction((tx) => tx.query('SELECT 1 AS one'))).toEqual([{ one: 1n }]);
    }
  });

  it('does not depend on the process: every text has the same name everywhere, and no name has two texts', async () => {
    const url = server.url(randomUUID());
    const [one, two] = [await open(url), await open(url)];
    const names = async (storage: Storage) => {
      const rows = await storage.query('SELECT name, statement FROM pg_prepared_statements');
      return rows.map(({ name, statement }) => `${name} ${statement}`);
    };
    for (const sql of ['SELECT 1 AS a', 'SELECT 2 AS b']) await one.query(sql);
    for (const sql of ['SELECT 2 AS b', 'SELECT 1 AS a']) await two.query(sql);
    const [ofOne, ofTwo] = [await names(one), await names(two)];
    for (const sql of ['SELECT 1 AS a', 'SELECT 2 AS b']) {
      const named = ofOne.filter((line) => line.endsWith(sql));
      expect(named).toHaveLength(1);
      expect(ofTwo).toContain(named[0]);
    }
  });
});
