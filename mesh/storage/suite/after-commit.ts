import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { counterOf, insert, open, openWithTables } from './fixture.ts';

export function afterCommitSuite(newUrl: NewDatabaseUrl): void {
  it('runs once, when others can see the commit', async () => {
    const url = newUrl();
    const [storage, other] = [await openWithTables(url), await open(url)];
    const seen: Promise<bigint | undefined>[] = [];
    await storage.transaction(async (tx) => {
      tx.afterCommit(() => void seen.push(counterOf(other, 'a')));
      await tx.execute(...insert('a', 1n));
    });
    await eventually(() => expect(seen.length).toBe(1));
    expect(await seen[0]).toBe(1n);
  });

  it('does not run if the transaction is not committed', async () => {
    const storage = await openWithTables(newUrl());
    let calls = 0;
    const refused = storage.transaction(async (tx) => {
      tx.afterCommit(() => {
        calls += 1;
      });
      throw new Error('refused');
    });
    await expect(refused).rejects.toThrow('refused');
    await storage.transaction((tx) => tx.execute(...insert('a', 1n)));
    expect(calls).toBe(0);
  });

  it('runs in the context of the caller, as the work does', async () => {
    const storage = await openWithTables(newUrl());
    const caller = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const run = (name: string) =>
      caller.run(name, () =>
        storage.transaction(async (tx) => {
          await tx.execute(...insert(name, 1n));
          tx.afterCommit(() => seen.push(caller.getStore()));
          return caller.getStore();
        }),
      );
    expect(await Promise.all([run('a'), run('b')])).toEqual(['a', 'b']);
    await eventually(() => expect(seen.toSorted()).toEqual(['a', 'b']));
  });
}
