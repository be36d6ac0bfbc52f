import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { counterOf, insert, openWithTables } from './fixture.ts';

export function signalSuite(newUrl: NewDatabaseUrl): void {
  it('prevents a transaction from beginning if it has aborted', async () => {
    const storage = await openWithTables(newUrl());
    const reason = new Error('too late');
    let begun = false;
    const transaction = storage.transaction(
      async () => {
        begun = true;
      },
      { signal: AbortSignal.abort(reason) },
    );
    await expect(transaction).rejects.toBe(reason);
    expect(begun).toBe(false);
  });

  it('prevents the commit of a transaction if it aborts meanwhile', async () => {
    const storage = await openWithTables(newUrl());
    const reason = new Error('too late');
    const caller = new AbortController();
    const transaction = storage.transaction(
      async (tx) => {
        await tx.execute(...insert('a', 1n));
        caller.abort(reason);
      },
      { signal: caller.signal },
    );
    await expect(transaction).rejects.toBe(reason);
    expect(await counterOf(storage, 'a')).toBeUndefined();
  });
}
