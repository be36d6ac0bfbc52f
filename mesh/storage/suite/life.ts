import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { counters, insert, open, openWithTables } from './fixture.ts';

export function lifeSuite(newUrl: NewDatabaseUrl): void {
  it('passes its check until it is closed, and then refuses everything', async () => {
    const storage = await openWithTables(newUrl());
    await expect(storage.check()).resolves.toBeUndefined();
    await storage.close();
    const unavailable = { code: 14, reason: 'STORAGE_UNAVAILABLE' };
    await expect(storage.check()).rejects.toMatchObject(unavailable);
    await expect(storage.transaction(async () => 1)).rejects.toMatchObject(unavailable);
    await expect(storage.migrate('test', [counters])).rejects.toMatchObject(unavailable);
    await expect(storage.close()).resolves.toBeUndefined();
  });

  it('closes only after open transactions', async () => {
    const url = newUrl();
    const storage = await openWithTables(url);
    const inserts = Array.from({ length: 20 }, (_, index) => storage.execute(...insert(`${index}`, 1n)));
    await storage.close();
    expect(await Promise.all(inserts)).toEqual(inserts.map(() => 1));
    expect(await (await open(url)).query('SELECT count(*) AS rows FROM counter')).toEqual([{ rows: 20n }]);
  });
}
