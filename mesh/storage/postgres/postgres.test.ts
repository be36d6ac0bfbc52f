import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import type { Storage } from '../storage.ts';
import { openPostgres } from './postgres.ts';
import { balances, credit, describeWithAccounts, lostCommit, sleepers } from './testing/accounts.ts';

describeWithAccounts('storage on PostgreSQL', (open, server) => {
  it('creates a missing database once, even if several processes start at the same time', async () => {
    const url = server().url(`name with "quotes" ${randomUUID()}`.replaceAll('"', '%22'));
    const storages = await Promise.all(Array.from({ length: 5 }, () => open({}, url)));
    for (const storage of storages) expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('writes every commit to the disk before it resolves, even if the database is configured otherwise', async () => {
    const url = server().url(randomUUID());
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

  it('runs a transaction again if its commit lost a race', async () => {
    const storage = await open();
    await storage.migrate('test', [lostCommit]);
    expect(await storage.transaction((tx) => credit(tx, 'a'))).toBe(1);
    expect(await balances(storage)).toEqual([1n, 0n]);
  });

  it('fails a transaction that keeps losing, with STORAGE_CONTENTION', async () => {
    const storage = await open();
    let runs = 0;
    const losing = storage.transaction(async (tx) => {
      runs += 1;
      await tx.query("DO 'BEGIN RAISE serialization_failure; END'");
    });
    await expect(losing).rejects.toMatchObject({ code: 14, reason: 'STORAGE_CONTENTION' });
    expect(runs).toBe(6);
  });

  it('fails a statement with a parameter of no type that it takes, and continues', async () => {
    const storage = await open();
    const setting = storage.execute('UPDATE account SET balance = $1', [undefined as never]);
    await expect(setting).rejects.toThrow('a parameter is of the type undefined, in: UPDATE account');
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('ends if its signal refuses a statement while one before it is in progress', async () => {
    const storage = await open();
    const caller = new AbortController();
    const transaction = storage.transaction(
      async (tx) => {
        const slow = tx.query('SELECT pg_sleep(60)');
        const late = eventually(async () => expect(await sleepers(storage)).toBe(1n)).then(() => {
          caller.abort(new Error('too late'));
          return tx.query('SELECT 1');
        });
        await Promise.all([slow, late]);
      },
      { signal: caller.signal },
    );
    await expect(transaction).rejects.toThrow('too late');
  });

  it('cancels the current statement on the server when the signal aborts', async () => {
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

  it('ends the wait for a connection when the signal aborts, and leaks none', async () => {
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

  it('is unavailable if no connection becomes free in time', async () => {
    const storage = await open({ poolSize: 1, connectTimeoutMs: 1_000 });
    const held = Promise.withResolvers<void>();
    const holding = storage.transaction(() => held.promise);
    await expect(storage.query('SELECT 1')).rejects.toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    held.resolve();
    await holding;
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('fails its check if the user may no longer write', async () => {
    const url = new URL(server().url(randomUUID()));
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

  it('fails its check because of locks, within the time limit of the check of a service', async () => {
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

  it('leaves room for eleven services on a server with its default of 100 connections', async () => {
    const storages = await Promise.all(Array.from({ length: 11 }, () => open()));
    for (const storage of storages) storage.listen('news', () => undefined);
    const busy = storages.flatMap((storage) => [
      ...Array.from({ length: 20 }, () => storage.transaction((tx) => tx.query('SELECT pg_sleep(0.2)'))),
      storage.check(),
    ]);
    await Promise.all(busy);
    const [row] = await (storages[0] as Storage).query(
      "SELECT count(*) AS count FROM pg_stat_activity WHERE application_name = 'ordermesh'",
    );
    expect(row?.count).toBeGreaterThanOrEqual(66n);
    expect(row?.count).toBeLessThanOrEqual(77n);
  });

  it('refuses to open without a server, and names it without the password', async () => {
    const opening = openPostgres('postgres://user:secret@127.0.0.1:1/orders');
    const error = await opening.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    expect(String(error)).toContain('127.0.0.1:1/orders');
    expect(String(error)).not.toContain('secret');
  });
});
