import { describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Queryable, Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { systemClock } from '../../time/clock.ts';
import { silent } from '../testing/events.ts';
import { createOutboxLease, type OutboxLease } from './lease.ts';
import { insertEntry, outboxMigrations } from './outbox-table.ts';
import { createRelay } from './relay.ts';

describe('the lease of an outbox', () => {
  describeOnEachDatabase((newUrl) => {
    async function open(url: string): Promise<Storage> {
      const storage = await openStorage(url);
      onTestFinished(() => storage.close());
      await storage.migrate('outbox', outboxMigrations);
      return storage;
    }

    const take = async (lease: OutboxLease, db: Queryable) => await lease.take(await lease.read(db));

    it('is not taken from a holder that takes it again meanwhile', async () => {
      const url = newUrl();
      const [storage, other] = [await open(url), await open(url)];
      const lease = createOutboxLease(storage, 'event', 'one', silent);
      expect(await take(lease, storage)).toBe(true);
      await lease.release(storage);
      const lateLease = createOutboxLease(other, 'event', 'other', silent);
      const read = await lateLease.read(other);
      expect(await take(lease, storage)).toBe(true);
      expect(await lateLease.take(read)).toBe(false);
      expect(await take(lateLease, other)).toBe(false);
    });

    it('is renewed when half of it is over, not before', async () => {
      const storage = await open(newUrl());
      const lease = createOutboxLease(storage, 'event', 'one', silent);
      const until = async () =>
        (await storage.query("SELECT until_ms FROM outbox_lease WHERE kind = 'event'"))[0]?.until_ms as bigint;
      await take(lease, storage);
      const first = await until();
      expect(await take(lease, storage)).toBe(true);
      expect(await until()).toBe(first);
      await storage.execute('UPDATE outbox_lease SET until_ms = until_ms - 6000');
      expect(await take(lease, storage)).toBe(true);
      expect(await until()).toBeGreaterThanOrEqual(first);
    });

    it('makes a relay that lost it during a long send read afresh what it sends next', async () => {
      const storage = await open(newUrl());
      const other = createOutboxLease(storage, 'event', 'other', silent);
      const commit = async (key: string) => {
        const entry = { destination: 't', key, headers: {}, value: new Uint8Array(1), timeMs: 0 };
        await storage.transaction((tx) => insertEntry(tx, 'event', entry));
      };
      const deliverElsewhere = async (key: string) => {
        expect(await take(other, storage)).toBe(true);
        await storage.execute('DELETE FROM outbox WHERE key = $1', [key]);
        await other.release(storage);
      };

      let beforeTake: (() => Promise<void>) | undefined;
      const shared: Storage = {
        ...storage,
        exclusive: false,
        async execute(sql, params) {
          if (sql.startsWith('UPDATE outbox_lease SET holder')) await beforeTake?.();
          return await storage.execute(sql, params);
        },
      };
      const sent: string[] = [];
      const [started, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const relay = createRelay({
        kind: 'event',
        source: '//ordermesh/test',
        storage: shared,
        maxUndeletedMs: 0,
        clock: systemClock,
        logger: silent,
        prepare: async () => undefined,
        async send(entries) {
          sent.push(...entries.map(({ key }) => key));
          started.resolve();
          await held.promise;
        },
        isRetryable: () => false,
        deadLetter: async () => '',
      });
      onTestFinished(() => relay.stop(0));
      await commit('a');
      const start = relay.start();
      await started.promise;

      // As if the send took longer than the lease lasts.
      await storage.execute('UPDATE outbox_lease SET until_ms = 1');
      await deliverElsewhere('none');
      await commit('b');
      beforeTake = async () => {
        beforeTake = undefined;
        await deliverElsewhere('b');
        await commit('c');
      };
      held.resolve();
      await start;
      await eventually(() => expect(sent).toContain('c'));
      expect(sent).toEqual(['a', 'c']);
    });
  });
});
