import { expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import type { Transaction } from '../storage.ts';
import { balances, credit, deferSlowly, describeWithAccounts, sleepers, slowCommit } from './testing/accounts.ts';

const loseConnection = 'SELECT pg_terminate_backend(pg_backend_pid())';

describeWithAccounts('statements of one message', (open) => {
  it('run in the order of their calls, each with its own result', async () => {
    const storage = await open();
    const results = await storage.transaction((tx) =>
      Promise.all([
        credit(tx, 'a'),
        tx.query('SELECT balance FROM account WHERE id = $1', ['a']),
        tx.query('UPDATE account SET balance = 7 WHERE balance = 0 RETURNING id, balance'),
        tx.query('SELECT balance FROM account WHERE id = $1', ['a']),
        tx.execute('DELETE FROM account WHERE id = $1', ['none']),
      ]),
    );
    expect(results).toEqual([1, [{ balance: 1n }], [{ id: 'b', balance: 7n }], [{ balance: 1n }], 0]);
  });

  it('fail with the first that fails, and have no effect', async () => {
    const storage = await open();
    const reasons: unknown[] = [];
    const transaction = storage.transaction(async (tx) => {
      const all = [credit(tx, 'a'), tx.query('SELECT 1 / 0'), credit(tx, 'b')];
      reasons.push(...(await Promise.allSettled(all)).map(({ status, ...outcome }) => [status, outcome]));
    });
    await expect(transaction).rejects.toThrow('division by zero');
    const failure = ['rejected', { reason: expect.objectContaining({ message: expect.stringContaining('division') }) }];
    expect(reasons).toEqual([['fulfilled', { value: 1 }], failure, failure]);
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('stay prepared on a connection where they failed the first time', async () => {
    const storage = await open({ poolSize: 1 });
    const sql = 'SELECT 10 / CAST($1 AS BIGINT) AS quotient';
    await expect(storage.query(sql, [0])).rejects.toThrow('division by zero');
    expect(await storage.query(sql, [5])).toEqual([{ quotient: 2n }]);
    const prepared = 'SELECT count(*) AS n FROM pg_prepared_statements WHERE statement = $1';
    expect(await storage.query(prepared, [sql])).toEqual([{ n: 1n }]);
  });

  it('are prepared once if they come twice', async () => {
    const storage = await open({ poolSize: 1 });
    await storage.transaction((tx) => Promise.all([credit(tx, 'a'), credit(tx, 'b'), credit(tx, 'a')]));
    expect(await balances(storage)).toEqual([2n, 1n]);
  });

  it('have the rows of a table whose columns changed', async () => {
    const storage = await open({ poolSize: 1 });
    const read = () => storage.query("SELECT * FROM account WHERE id = 'a'");
    await read();
    expect(await read()).toEqual([{ id: 'a', balance: 0n }]);
    await storage.execute("ALTER TABLE account ADD COLUMN name TEXT NOT NULL DEFAULT 'Ada'");
    expect(await read()).toEqual([{ id: 'a', balance: 0n, name: 'Ada' }]);
  });

  it('commit in the message of the last ones: it is unknown what they did if the connection is lost meanwhile', async () => {
    const storage = await open();
    await storage.migrate('test', [slowCommit]);
    const transaction = storage.transaction(async (tx) => tx.defer('UPDATE account SET balance = 1'));
    const outcome = expect(transaction).rejects.toMatchObject({ reason: 'STORAGE_OUTCOME_UNKNOWN' });
    await eventually(async () => expect(await sleepers(storage)).toBe(1n));
    const sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    await storage.query(`SELECT pg_terminate_backend(pid) FROM (${sleeping}) AS sleeping`);
    await outcome;
  });

  it('commit in the message of the last ones: it is unknown what they did if the connection is lost before it', async () => {
    const storage = await open();
    const transaction = storage.transaction(async (tx) => tx.defer(loseConnection));
    await expect(transaction).rejects.toMatchObject({ reason: 'STORAGE_OUTCOME_UNKNOWN' });
  });

  it('are known not to have been committed if the connection is lost before their commit is sent', async () => {
    const storage = await open();
    const transaction = storage.transaction(async (tx) => {
      tx.defer(loseConnection);
      await tx.query('SELECT 1');
    });
    await expect(transaction).rejects.toMatchObject({ reason: 'STORAGE_UNAVAILABLE' });
  });

  it('run again with their transaction if they lose a race', async () => {
    const storage = await open();
    let runs = 0;
    await storage.transaction(async (tx) => {
      runs += 1;
      tx.defer('UPDATE account SET balance = balance + 1');
      if (runs === 1) tx.defer("DO 'BEGIN RAISE serialization_failure; END'");
    });
    expect([runs, await balances(storage)]).toEqual([2, [1n, 1n]]);
  });

  it('are cancelled if their commit is in another message', async () => {
    const storage = await open();
    const caller = new AbortController();
    const work = async (tx: Transaction) => {
      tx.defer('UPDATE account SET balance = balance + 1');
      await tx.query('SELECT pg_sleep(60)');
    };
    const outcome = expect(storage.transaction(work, { signal: caller.signal })).rejects.toThrow('too late');
    await eventually(async () => expect(await sleepers(storage)).toBe(1n));
    caller.abort(new Error('too late'));
    await outcome;
    expect(await balances(storage)).toEqual([0n, 0n]);
  });

  it('are not cancelled with their commit, because a cancelled one may succeed without its standby', async () => {
    const storage = await open();
    const caller = new AbortController();
    const transaction = storage.transaction(deferSlowly, { signal: caller.signal });
    await eventually(async () => expect(await sleepers(storage)).toBe(1n));
    caller.abort(new Error('too late'));
    await transaction;
    expect(await balances(storage)).toEqual([1n, 1n]);
  });
});
