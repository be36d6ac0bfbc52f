import { expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { balances, credit, describeWithAccounts, sleepers, slowCommit } from './testing/accounts.ts';

describeWithAccounts('storage on PostgreSQL, in an outage', (open, server) => {
  it('works again after a restart of the server, without a restart of the process', async () => {
    const storage = await open();
    await Promise.all(Array.from({ length: 20 }, () => credit(storage, 'a')));
    await server().killImmediate();
    const unavailable = { code: 14, reason: 'STORAGE_UNAVAILABLE' };
    await expect(storage.check()).rejects.toMatchObject(unavailable);
    await expect(credit(storage, 'a')).rejects.toMatchObject(unavailable);
    await server().restart();
    await storage.check();
    expect(await credit(storage, 'b')).toBe(1);
    expect(await balances(storage)).toEqual([20n, 1n]);
  });

  it('fails an open transaction when the connection is lost, and reports that it had no effect', async () => {
    const storage = await open();
    const transaction = storage.transaction(async (tx) => {
      await credit(tx, 'a');
      await server().killImmediate();
      await credit(tx, 'b');
    });
    await expect(transaction).rejects.toMatchObject({ code: 14, reason: 'STORAGE_UNAVAILABLE' });
    await server().restart();
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('releases the locks of a process that stops within a transaction, and fails that', async () => {
    const storage = await open();
    const stopped = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const stopping = storage.transaction(async (tx) => {
      expect(await tx.query("SELECT current_setting('idle_in_transaction_session_timeout') AS value")).toEqual([
        { value: '10s' },
      ]);
      await credit(tx, 'a');
      await tx.query("SELECT set_config('idle_in_transaction_session_timeout', '50ms', true)");
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

  it('is unavailable to a transaction that was stopped for too long, and works again afterwards', async () => {
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

  it('reports an unknown outcome if the connection is lost during the commit', async () => {
    const storage = await open();
    await storage.migrate('test', [slowCommit]);
    const outcome = storage.transaction((tx) => credit(tx, 'a')).catch((error: unknown) => error);
    await eventually(async () => expect(await sleepers(storage)).toBe(1n));
    await server().killImmediate();
    expect(await outcome).toMatchObject({ code: 14, reason: 'STORAGE_OUTCOME_UNKNOWN' });
    await server().restart();
  });
});
