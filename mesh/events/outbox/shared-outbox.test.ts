import { describe, expect, it, vi } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { eventually } from '../../testing/eventually.ts';
import { systemClock } from '../../time/clock.ts';
import { silent, versionEvent } from '../testing/events.ts';
import { describeOutboxes, expectOutboxEmpty } from '../testing/outboxes.ts';
import type { Outbox } from './outbox.ts';

describe('an outbox that several processes share', () => {
  describeOutboxes(({ add, makeOutbox, parts, sentVersions }) => {
    it('is not blocked by a process whose clock is far ahead', async (context) => {
      if (parts().storage.dialect === 'sqlite') return context.skip('a SQLite file belongs to one process');
      const ahead = { ...systemClock, now: () => systemClock.now() + 24 * 60 * 60 * 1000 };
      const dying = await makeOutbox({
        clock: ahead,
        events: { ...parts().events, publish: () => new Promise(() => undefined) },
      });
      await add(dying, 'a', 1);
      void dying.start();
      const leftMs = async () => {
        const sql = "SELECT until_ms FROM outbox_lease WHERE kind = 'event' AND until_ms > 0";
        const [lease] = await parts().storage.query<{ until_ms: bigint }>(sql);
        return Number(lease?.until_ms ?? Number.NaN) - systemClock.now();
      };
      await eventually(async () => expect(await leftMs()).toBeGreaterThan(0));
      expect(await leftMs()).toBeLessThan(60_000);

      // As a version of this program wrote it that went by its own clock.
      const sql = "UPDATE outbox_lease SET holder = 'gone', until_ms = $1";
      await parts().storage.execute(sql, [ahead.now()]);
      const logger = silent.child({});
      const warn = vi.spyOn(logger, 'warn');
      await (await makeOutbox({ logger })).start();
      await eventually(() => expect(sentVersions('a')).toEqual([1]));
      expect(warn).toHaveBeenCalledWith(expect.objectContaining({ kind: 'event', holder: 'gone' }), expect.any(String));
    });

    it('loses no entry that is committed after a later one was published', async (context) => {
      if (parts().storage.dialect === 'sqlite') return context.skip('SQLite has one writer at a time');
      const outbox = await makeOutbox();
      await outbox.start();
      const [added, mayCommit] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const late = parts().storage.transaction(async (tx) => {
        await outbox.addEvent(tx, versionEvent('t', 'late', 1));
        added.resolve();
        await mayCommit.promise;
      });
      await added.promise;
      await add(outbox, 'early', 1);
      await eventually(() => expect(sentVersions('early')).toEqual([1]));
      expect(sentVersions('late')).toEqual([]);
      mayCommit.resolve();
      await late;
      await eventually(() => expect(sentVersions('late')).toEqual([1]));
    });

    it('publishes what is committed while it gives its lease back before it stops', async (context) => {
      if (parts().storage.dialect === 'sqlite') return context.skip('a SQLite file belongs to one process');
      const [released, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const storage: Storage = {
        ...parts().storage,
        async execute(sql, params) {
          if (sql.startsWith('UPDATE outbox_lease SET until_ms = 0') && params?.[0] === 'event') {
            released.resolve();
            await held.promise;
          }
          return await parts().storage.execute(sql, params);
        },
      };
      const outbox = await makeOutbox({ storage });
      const starting = outbox.start();
      await released.promise;
      await add(outbox, 'a', 1);
      const stopped = outbox.stop(5000);
      held.resolve();
      await Promise.all([starting, stopped]);
      expect(sentVersions('a')).toEqual([1]);
    });

    it('publishes every event, those of a key in order', async (context) => {
      if (parts().storage.dialect === 'sqlite') return context.skip('a SQLite file belongs to one process');
      const storages = await Promise.all([1, 2, 3].map(() => openStorage(parts().url)));
      const outboxes = await Promise.all(storages.map((storage) => makeOutbox({ storage })));
      await Promise.all(outboxes.map((outbox) => outbox.start()));
      const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
      const changeThrough = async (key: string) => {
        for (let version = 1; version <= 20; version++) {
          const at = version % storages.length;
          await storages[at]?.transaction(
            async (tx) => await outboxes[at]?.addEvent(tx, versionEvent('t', key, version)),
          );
        }
      };
      await Promise.all(keys.map(changeThrough));
      await eventually(() => expectOutboxEmpty(outboxes[0] as Outbox));
      for (const key of keys) expect(sentVersions(key)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
      await Promise.all(outboxes.map((outbox) => outbox.stop(1000)));
      await Promise.all(storages.map((storage) => storage.close()));
    });
  });
});
