import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type PostgresServer, postgres, startPostgres } from '../../testing/postgres-server.ts';
import { describeWithServer } from '../../testing/servers.ts';
import type { Storage, Transaction } from '../storage.ts';
import { openPostgres, type PostgresOptions } from './postgres.ts';

const accounts = {
  name: '0001-init',
  sql: "CREATE TABLE account (id TEXT PRIMARY KEY, balance BIGINT NOT NULL); INSERT INTO account VALUES ('a', 0), ('b', 0)",
};
// A commit that takes as long as a test needs.
const slowCommit = {
  name: '0002-slow-commit',
  sql: `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER wait AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`,
};
// A commit that loses a race once.
const lostCommit = {
  name: '0002-lost-commit',
  sql: `CREATE SEQUENCE tries;
        CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF nextval(''tries'') < 2 THEN RAISE serialization_failure; END IF; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER lose AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()`,
};

describeWithServer(postgres, 'storage on PostgreSQL', () => {
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

  function credit(tx: Pick<Transaction, 'execute'>, id: string): Promise<number> {
    return tx.execute('UPDATE account SET balance = balance + 1 WHERE id = $1', [id]);
  }

  async function balances(storage: Storage): Promise<unknown[]> {
    return (await storage.query('SELECT balance FROM account ORDER BY id')).map((row) => row.balance);
  }

  async function sleepers(storage: Storage): Promise<unknown> {
    const sql =
      "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    return (await storage.query(sql))[0]?.n;
  }

  it('makes a missing database once, with several processes starting at a time', async () => {
    const url = server.url(`name with "quotes" ${randomUUID()}`.replaceAll('"', '%22'));
    const storages = await Promise.all(Array.from({ length: 5 }, () => open({}, url)));
    for (const storage of storages) expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('writes every commit to the disk before it resolves, also where the database says otherwise', async () => {
    const url = server.url(randomUUID());
    const storage = await open({}, url);
    await storage.execute(
      `ALTER DATABASE ${new URL(url).pathname.slice(1).replace(/.*/, '"$&"')} SET synchronous_commit = off`,
    );
    const reopened = await open({}, url);
    expect(await reopened.query("SELECT current_setting('synchronous_commit') AS value")).toEqual([{ value: 'on' }]);
  });

  it('runs the loser of a deadlock again', async () => {
    const storage = await open();
    let runs = 0;
    const both = Promise.withResolvers<void>();
    const move = (from: string, to: string) =>
      storage.transaction(async (tx) => {
        runs += 1;
        await credit(tx, from);
        if (runs === 2) both.resolve();
        await both.promise;
        await credit(tx, to);
      });
    await Promise.all([move('a', 'b'), move('b', 'a')]);
    expect(runs).toBe(3);
    expect(await balances(storage)).toEqual([2n, 2n]);
  });

  it('runs a transaction again whose commit lost a race', async () => {
    const storage = await open();
    await storage.migrate('test', [lostCommit]);
    expect(await storage.transaction((tx) => credit(tx, 'a'))).toBe(1);
    expect(await balances(storage)).toEqual([1n, 0n]);
  });

  it('gives up on a transaction that keeps losing, and says that it may be tried again', async () => {
    const storage = await open();
    let runs = 0;
    const losing = storage.transaction(async (tx) => {
      runs += 1;
      await tx.query("DO 'BEGIN RAISE serialization_failure; END'");
    });
    await expect(losing).rejects.toMatchObject({ code: 14, reason: 'STORAGE_CONTENTION' });
    expect(runs).toBe(6);
  });

  it('cancels the statement under way on the server when the signal is aborted', async () => {
    const storage = await open({ poolSize: 2 });
    const caller = new AbortController();
    const reason = new Error('too late');
    const sleeping = storage.transaction(
      async (tx) => {
        await credit(tx, 'a');
        await tx.query('SELECT pg_sleep(60)');
      },
      { signal: caller.signal },
    );
    await eventually(async () => expect(await sleepers(storage)).toBe(1n));
    caller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await eventually(async () => expect(await sleepers(storage)).toBe(0n));
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('ends the wait for a connection when the signal is aborted, and leaks none', async () => {
    const storage = await open({ poolSize: 1 });
    const caller = new AbortController();
    const held = Promise.withResolvers<void>();
    const holding = storage.transaction(() => held.promise);
    const waiting = storage.transaction(async () => 'never', { signal: caller.signal });
    caller.abort(new Error('too late'));
    await expect(waiting).rejects.toThrow('too late');
    held.resolve();
    await holding;
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('is unavailable when no connection becomes free in time', async () => {
    const storage = await open({ poolSize: 1, connectTimeoutMs: 200 });
    const held = Promise.withResolvers<void>();
    const holding = storage.transaction(() => held.promise);
    await expect(storage.query('SELECT 1')).rejects.toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    held.resolve();
    await holding;
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('works again after a restart of the server, without one of its own', async () => {
    const storage = await open();
    await Promise.all(Array.from({ length: 20 }, () => credit(storage, 'a')));
    await server.killImmediate();
    const unavailable = { code: 14, reason: 'STORAGE_UNAVAILABLE' };
    await expect(storage.check()).rejects.toMatchObject(unavailable);
    await expect(credit(storage, 'a')).rejects.toMatchObject(unavailable);
    await server.restart();
    await storage.check();
    expect(await credit(storage, 'b')).toBe(1);
    expect(await balances(storage)).toEqual([20n, 1n]);
  });

  it('loses a transaction under way with the connection, and says that it was not done', async () => {
    const storage = await open();
    const transaction = storage.transaction(async (tx) => {
      await credit(tx, 'a');
      await server.killImmediate();
      await credit(tx, 'b');
    });
    await expect(transaction).rejects.toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    await server.restart();
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('takes the locks from a process that stops in mid-transaction, and says that it was not done', async () => {
    const storage = await open();
    const stopped = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const stopping = storage.transaction(async (tx) => {
      expect(await tx.query("SELECT current_setting('idle_in_transaction_session_timeout') AS value")).toEqual([
        { value: '10s' },
      ]);
      await tx.query("SELECT set_config('idle_in_transaction_session_timeout', '50ms', true)");
      await credit(tx, 'a');
      locked.resolve();
      await stopped.promise;
      await credit(tx, 'b');
    });
    await Promise.race([locked.promise, stopping]);
    expect(await credit(storage, 'a')).toBe(1);
    stopped.resolve();
    await expect(stopping).rejects.toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    expect(await balances(storage)).toEqual([1n, 0n]);
  });

  it('is unavailable to a transaction that was stopped for too long, and works again after it', async () => {
    const storage = await open({ poolSize: 1 });
    const stopping = storage.transaction(async (tx) => {
      await tx.query("SELECT set_config('idle_in_transaction_session_timeout', '50ms', true)");
      // As SIGSTOP would: nothing is read from the connection meanwhile.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      await credit(tx, 'a');
    });
    await expect(stopping).rejects.toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    expect(await credit(storage, 'b')).toBe(1);
    expect(await balances(storage)).toEqual([0n, 1n]);
  });

  it('says that the outcome is unknown when the connection is lost during the commit', async () => {
    const storage = await open();
    await storage.migrate('test', [slowCommit]);
    const outcome = storage.transaction((tx) => credit(tx, 'a')).catch((error: unknown) => error);
    await eventually(async () => expect(await sleepers(storage)).toBe(1n));
    await server.killImmediate();
    expect(await outcome).toMatchObject({ code: 14, reason: 'STORAGE_OUTCOME_UNKNOWN' });
    await server.restart();
  });

  it('fails its check where the user may not write any more', async () => {
    const url = new URL(server.url(randomUUID()));
    const owner = await open({}, url.href);
    const role = `writer_${randomUUID().slice(0, 8)}`;
    await owner.execute(`CREATE ROLE ${role} LOGIN`);
    await owner.execute(`GRANT ALL ON SCHEMA public TO ${role}`);
    for (const table of ['schema_migration', 'storage_probe']) await owner.execute(`GRANT ALL ON ${table} TO ${role}`);
    url.username = role;
    const writer = await openPostgres(url.href);
    onTestFinished(() => writer.close());
    await writer.check();
    await owner.execute(`REVOKE UPDATE ON storage_probe FROM ${role}`);
    await expect(writer.check()).rejects.toMatchObject({ code: 14, reason: 'STORAGE_MISCONFIGURED' });
  });

  it('fails its check, which says that locks hold it up, before that of a service is over', async () => {
    const storage = await open();
    const [locked, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const locking = storage.transaction(async (tx) => {
      await tx.execute('LOCK TABLE storage_probe');
      locked.resolve();
      await over.promise;
    });
    await locked.promise;
    const startMs = performance.now();
    await expect(storage.check()).rejects.toThrow(/timed out: .*statement timeout/);
    expect(performance.now() - startMs).toBeLessThan(5000);
    over.resolve();
    await locking;
    await storage.check();
  });

  it('refuses to open without a server and names it, but not the password', async () => {
    const opening = openPostgres('postgres://user:secret@127.0.0.1:1/orders');
    const error = await opening.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    expect(String(error)).toContain('127.0.0.1:1/orders');
    expect(String(error)).not.toContain('secret');
  });
});
