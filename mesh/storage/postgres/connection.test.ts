import { expect, it, onTestFinished } from 'vitest';
import { acquire } from './connection.ts';
import { createPool } from './pool.ts';
import { openSessions } from './sessions.ts';
import { createStatementCache } from './statements.ts';
import { describeWithAccounts } from './testing/accounts.ts';

describeWithAccounts('a connection', (_, server) => {
  it('rejects a commit that the server answers with a rollback, and is not used again', async () => {
    const pool = createPool(await openSessions({ connectionString: server().url('postgres') }), 1, () => undefined);
    onTestFinished(() => pool.end());
    const connection = await acquire(pool, createStatementCache(), undefined);
    onTestFinished(() => connection.release());
    await connection.begin();
    await expect(connection.run('SELECT 1 / 0', [])).rejects.toThrow('division by zero');
    expect(connection.isSpent()).toBe(false);
    await expect(connection.commit()).rejects.toThrow('the server answered COMMIT with ROLLBACK');
    expect(connection.isSpent()).toBe(true);
  });
});
