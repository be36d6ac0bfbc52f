import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { counterOf, insert, openWithTables } from './fixture.ts';

/** What a signal ends. */
export function signalContract(newUrl: NewDatabaseUrl): void {
  it('does not begin a transaction whose signal is aborted', async () => {
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

  it('commits nothing of a transaction whose signal is aborted under way', async () => {
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
