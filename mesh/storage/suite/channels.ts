import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import type { Storage } from '../storage.ts';
import { open } from './fixture.ts';

/** Counts the calls of a listener. */
function listen(storage: Storage, channel = 'news') {
  let calls = 0;
  const end = storage.listen(channel, () => {
    calls += 1;
  });
  return {
    get calls() {
      return calls;
    },
    end,
  };
}

/** Notifies, and waits until `ear` was called. */
async function ring(storage: Storage, ear: { readonly calls: number }): Promise<void> {
  const before = ear.calls;
  storage.notify('news');
  await eventually(() => expect(ear.calls).toBeGreaterThan(before));
}

export function channelSuite(newUrl: NewDatabaseUrl): void {
  it('calls every listener, each time', async () => {
    const storage = await open(newUrl());
    const ears = [listen(storage), listen(storage)];
    for (let round = 0; round < 3; round += 1) {
      const before = ears.map((ear) => ear.calls);
      storage.notify('news');
      for (const [index, ear] of ears.entries())
        await eventually(() => expect(ear.calls).toBeGreaterThan(before[index] ?? 0));
    }
  });

  it('calls listeners of another `Storage` of the database, both ways', async () => {
    const url = newUrl();
    const [one, other] = [await open(url), await open(url)];
    const [earOfOne, earOfOther] = [listen(one), listen(other)];
    for (let round = 0; round < 3; round += 1) {
      await ring(one, earOfOther);
      await ring(other, earOfOne);
    }
  });

  it('calls at least once after the last of many notifications', async () => {
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

  it('calls later, never within notify, in the context of the listener', async () => {
    const storage = await open(newUrl());
    const context = new AsyncLocalStorage<string>();
    const heardIn: (string | undefined)[] = [];
    context.run('listener', () => storage.listen('news', () => heardIn.push(context.getStore())));
    context.run('notifier', () => storage.notify('news'));
    expect(heardIn).toEqual([]);
    await eventually(() => expect(heardIn).toContain('listener'));
    expect(heardIn).not.toContain('notifier');
  });

  it('does not call a removed listener', async () => {
    const url = newUrl();
    const [storage, other] = [await open(url), await open(url)];
    const [ended, still] = [listen(storage), listen(storage)];
    await ring(other, still);
    storage.notify('news');
    ended.end();
    ended.end();
    const before = ended.calls;
    await ring(storage, still);
    await ring(other, still);
    expect(ended.calls).toBe(before);
  });

  it('works again after all listeners were removed', async () => {
    const url = newUrl();
    const [storage, other] = [await open(url), await open(url)];
    const first = listen(storage);
    await ring(other, first);
    first.end();
    await ring(other, listen(storage));
  });

  it('separates channels and databases', async () => {
    const [storage, elsewhere] = [await open(newUrl()), await open(newUrl())];
    const ear = listen(storage);
    const others = [listen(storage, 'weather'), listen(elsewhere)];
    for (let round = 0; round < 5; round += 1) await ring(storage, ear);
    // Once when it begins to listen, because notifications may have been lost before.
    for (const other of others) expect(other.calls).toBeLessThanOrEqual(1);
  });

  it('calls nobody once it is closed, without an error', async () => {
    const url = newUrl();
    const [storage, other] = [await open(url), await open(url)];
    const [ear, still] = [listen(storage), listen(other)];
    await ring(storage, ear);
    await storage.close();
    const late = listen(storage);
    const before = ear.calls;
    storage.notify('news');
    await ring(other, still);
    expect([ear.calls, late.calls]).toEqual([before, 0]);
    late.end();
  });

  it.each(['', 'News', 'a-b', 'x; DROP TABLE y', 'a'.repeat(64)])('refuses the name "%s"', async (channel) => {
    const storage = await open(newUrl());
    expect(() => storage.notify(channel)).toThrow('is not a valid channel name');
    expect(() => storage.listen(channel, () => undefined)).toThrow('is not a valid channel name');
  });
}
