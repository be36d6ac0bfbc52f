import { expect, it, onTestFinished } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { seenTimes } from '../aging/seen-times.ts';
import { openStorage } from '../open.ts';
import { open } from './fixture.ts';

export function checkSuite(newUrl: NewDatabaseUrl): void {
  async function openAt(url: string, startMs: number) {
    const clock = createTestClock(startMs);
    const storage = await openStorage(url, { clock });
    onTestFinished(() => storage.close());
    return { clock, storage };
  }

  it('records the clock, which others see', async () => {
    const url = newUrl();
    const { storage, clock } = await openAt(url, 1000);
    const other = await open(url);
    expect(await seenTimes(other)).toEqual({ clockMs: undefined, agedToMs: 1000 });
    await storage.check();
    expect(await seenTimes(other)).toEqual({ clockMs: 1000, agedToMs: 1000 });
    clock.advance(5000);
    await storage.check();
    expect(await seenTimes(other)).toEqual({ clockMs: 6000, agedToMs: 6000 });
  });

  it('ages rows by the time that passes, with any clock and any number of processes', async () => {
    const url = newUrl();
    const one = await openAt(url, 1_000_000);
    await one.storage.check();
    const two = await openAt(url, 9_000_000);
    await two.storage.check();
    expect(await seenTimes(one.storage)).toEqual({ clockMs: 9_000_000, agedToMs: 1_000_000 });
    one.clock.shift(-500_000);
    for (const { clock } of [one, two]) clock.advance(5000);
    for (const { storage } of [one, two]) await storage.check();
    expect(await seenTimes(one.storage)).toEqual({ clockMs: 9_005_000, agedToMs: 1_005_000 });
  });

  it('writes once for concurrent calls', async () => {
    const storage = await open(newUrl());
    const [first, second] = [storage.check(), storage.check()];
    expect(second).toBe(first);
    await first;
    const third = storage.check();
    expect(third).not.toBe(first);
    await third;
  });

  it('fails while it cannot write, and passes as soon as it can', async () => {
    const storage = await open(newUrl());
    await storage.check();
    await storage.execute('ALTER TABLE storage_probe RENAME TO gone');
    await expect(storage.check()).rejects.toMatchObject({ code: 14, reason: 'STORAGE_MISCONFIGURED' });
    await storage.execute('ALTER TABLE gone RENAME TO storage_probe');
    await storage.check();
  });
}
