import { describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Queryable, Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { silent } from '../testing/events.ts';
import { createOutboxLease, type OutboxLease } from './lease.ts';
import { outboxMigrations } from './outbox-table.ts';

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
  });
});
