import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import type { Storage } from '../storage.ts';
import { open } from './fixture.ts';

/** Counts how often a channel was heard. */
function listen(storage: Storage, channel = 'news') {
  let heard = 0;
  const end = storage.listen(channel, () => {
    heard += 1;
  });
  return {
    get heard() {
      return heard;
    },
    end,
  };
}

/** Notifies, and waits until `ear` has heard of it. */
async function ring(storage: Storage, ear: { readonly heard: number }): Promise<void> {
  const before = ear.heard;
  storage.notify('news');
  await eventually(() => expect(ear.heard).toBeGreaterThan(before));
}

/** Calls between those who use a database. */
export function channelContract(newUrl: NewDatabaseUrl): void {
  it('calls everyone who listens, each time', async () => {
    const storage = await open(newUrl());
    const ears = [listen(storage), listen(storage)];
    for (let round = 0; round < 3; round += 1) {
      const before = ears.map((ear) => ear.heard);
      storage.notify('news');
      for (const [index, ear] of ears.entries())
        await eventually(() => expect(ear.heard).toBeGreaterThan(before[index] ?? 0));
    }
  });

  it('calls those who listen through another opening of the database, both ways', async () => {
    const url = newUrl();
    const [one, other] = [await open(url), await open(url)];
    const [earOfOne, earOfOther] = [listen(one), listen(other)];
    for (let round = 0; round < 3; round += 1) {
      await ring(one, earOfOther);
      await ring(other, earOfOne);
    }
  });

  it('calls at least once after the last of many', async () => {
    const url = newUrl();
    const [storage, other] = [await open(url), await open(url)];
    let state = 0;
    const seen = { here: 0, there: 0 };
    storage.listen('news', () => {
      seen.here = state;
    });
    other.listen('news', () => {
      seen.there = state;
    });
    for (; state < 200; ) {
      state += 1;
      storage.notify('news');
      if (state % 20 === 0) await storage.check();
    }
    await eventually(() => expect(seen).toEqual({ here: 200, there: 200 }));
  });

  it('calls later, never within notify, and in the context of who listens', async () => {
    const storage = await open(newUrl());
    const context = new AsyncLocalStorage<string>();
    const heardIn: (string | undefined)[] = [];
    context.run('listener', () => storage.listen('news', () => heardIn.push(context.getStore())));
    context.run('notifier', () => storage.notify('news'));
    expect(heardIn).toEqual([]);
    await eventually(() => expect(heardIn).toContain('listener'));
    expect(heardIn).not.toContain('notifier');
  });

  it('does not call who has ended listening', async () => {
    const url = newUrl();
    const [storage, other] = [await open(url), await open(url)];
    const [ended, still] = [listen(storage), listen(storage)];
    await ring(other, still);
    storage.notify('news');
    ended.end();
    ended.end();
    const before = ended.heard;
    await ring(storage, still);
    await ring(other, still);
    expect(ended.heard).toBe(before);
  });

  it('hears again after everyone had ended listening', async () => {
    const url = newUrl();
    const [storage, other] = [await open(url), await open(url)];
    const first = listen(storage);
    await ring(other, first);
    first.end();
    await ring(other, listen(storage));
  });

  it('keeps channels and databases apart', async () => {
    const [storage, elsewhere] = [await open(newUrl()), await open(newUrl())];
    const ear = listen(storage);
    const others = [listen(storage, 'weather'), listen(elsewhere)];
    for (let round = 0; round < 5; round += 1) await ring(storage, ear);
    // Once when it begins to listen, where calls may have been lost before that.
    for (const other of others) expect(other.heard).toBeLessThanOrEqual(1);
  });

  it('calls nobody once it is closed, and says nothing to that', async () => {
    const url = newUrl();
    const [storage, other] = [await open(url), await open(url)];
    const [ear, still] = [listen(storage), listen(other)];
    await ring(storage, ear);
    await storage.close();
    const late = listen(storage);
    const before = ear.heard;
    storage.notify('news');
    await ring(other, still);
    expect([ear.heard, late.heard]).toEqual([before, 0]);
    late.end();
  });

  it.each(['', 'News', 'a-b', 'x; DROP TABLE y', 'a'.repeat(64)])('refuses "%s" as a channel', async (channel) => {
    const storage = await open(newUrl());
    expect(() => storage.notify(channel)).toThrow('cannot name a channel');
    expect(() => storage.listen(channel, () => undefined)).toThrow('cannot name a channel');
  });
}
