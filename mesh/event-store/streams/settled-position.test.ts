import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/servers/postgres-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { added, amountsOf, openStore } from '../testing/fixture.ts';

/** An INSERT of another program into the log, which is not committed. */
const appendOne = `INSERT INTO event (stream, version, type, schema_version, data, correlation_id, time_ms, checksum)
  SELECT 'foreign', 1, type, schema_version, data, correlation_id, time_ms, checksum FROM event WHERE position = 1`;

describeWithServer(postgres, 'the settled position on PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ settings: ['max_prepared_transactions=10', 'wal_level=logical'] });
  });
  afterAll(() => server.stop());

  /** Opens a database of the server with one event. */
  async function open() {
    const url = server.url(randomUUID());
    const opened = await openStore(url);
    await opened.store.append('a', 0n, added(1));
    return { ...opened, url };
  }

  /** Connects another client and runs statements, which leave a transaction open. */
  async function leaveOpen(url: string, ...statements: string[]): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    onTestFinished(() => client.end());
    for (const sql of statements) await client.query(sql);
    return client;
  }

  describe('is not held back by', () => {
    it.each<[string, (url: string) => Promise<unknown>]>([
      [
        'an open transaction in another database of the server',
        () => leaveOpen(server.url('postgres'), 'BEGIN', 'SELECT pg_current_xact_id()'),
      ],
      [
        'an open transaction of another client that writes other tables',
        (url) => leaveOpen(url, 'CREATE TABLE other (id BIGINT)', 'BEGIN', 'INSERT INTO other VALUES (1)'),
      ],
      [
        'an open transaction that has read the events and locked one',
        (url) =>
          leaveOpen(
            url,
            'BEGIN ISOLATION LEVEL REPEATABLE READ',
            'SELECT pg_current_xact_id()',
            'SELECT * FROM event WHERE position = 1 FOR UPDATE',
          ),
      ],
      [
        'a prepared transaction that wrote other tables',
        async (url) => {
          const begin = ['CREATE TABLE other (id BIGINT)', 'BEGIN', 'INSERT INTO other VALUES (1)'];
          const client = await leaveOpen(url, ...begin, "PREPARE TRANSACTION 'elsewhere'");
          onTestFinished(async () => void (await client.query("ROLLBACK PREPARED 'elsewhere'")));
        },
      ],
      [
        'a logical replication slot that nobody reads',
        (url) => leaveOpen(url, `SELECT pg_create_logical_replication_slot('s${Date.now()}', 'test_decoding')`),
      ],
      [
        'a transaction that undid its append',
        (url) => leaveOpen(url, 'BEGIN', 'SAVEPOINT before', appendOne, 'ROLLBACK TO SAVEPOINT before'),
      ],
    ])('%s', async (_, hold) => {
      const { store, url } = await open();
      await hold(url);
      await store.append('a', 1n, added(2));
      await eventually(async () => expect(amountsOf(await store.readAll(0n, 10))).toEqual(['1', '2']));
    });
  });

  describe('is held back by', () => {
    it('another client that appended, until it commits', async () => {
      const { store, url } = await open();
      const other = await leaveOpen(url, 'BEGIN', appendOne);
      await store.append('a', 1n, added(2));
      for (let read = 0; read < 5; read += 1) expect(await store.readAll(1n, 10)).toEqual([]);
      await other.query('COMMIT');
      await eventually(async () =>
        expect((await store.readAll(1n, 10)).map(({ position }) => position)).toEqual([2n, 3n]),
      );
    });

    it('a prepared transaction that appended, even after a restart of the server', async () => {
      const { store, url } = await open();
      const id = randomUUID();
      const other = await leaveOpen(url, 'BEGIN', appendOne);
      await store.append('a', 1n, added(2));
      // The reader waits for a session now, which passes its locks to the prepared transaction.
      expect(await store.readAll(1n, 10)).toEqual([]);
      await other.query(`PREPARE TRANSACTION '${id}'`);
      for (let read = 0; read < 5; read += 1) expect(await store.readAll(1n, 10)).toEqual([]);
      await server.restart();
      await eventually(async () => expect(await store.readAll(1n, 10)).toEqual([]));
      await (await leaveOpen(url)).query(`COMMIT PREPARED '${id}'`);
      await eventually(async () =>
        expect((await store.readAll(1n, 10)).map(({ position }) => position)).toEqual([2n, 3n]),
      );
    });
  });

  it('advances while other appends are always in progress', async () => {
    const { storage, store } = await open();
    const ended = new AbortController();
    const append = async (writer: number) => {
      for (let index = 0; !ended.signal.aborted; index += 1) {
        await storage.transaction(async (tx) => {
          await store.appendIn(tx, `w-${writer}-${index}`, 0n, added(index));
          await tx.query('SELECT pg_sleep(0.02)');
        });
      }
    };
    const writers = [append(1), append(2), append(3)];
    const first = await store.head();
    await eventually(async () => expect((await store.readAll(first, 100)).length).toBeGreaterThan(20));
    ended.abort();
    await Promise.all(writers);
  });
});
