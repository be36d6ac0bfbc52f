import { describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import type { Row, SqlValue, Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { silent } from '../testing/events.ts';
import { createOutboxLease } from './lease.ts';
import { outboxMigrations } from './outbox-table.ts';

describe('the lease of an outbox', () => {
  describeOnEachDatabase((newUrl) => {
    async function open(url: string): Promise<Storage> {
      const storage = await openStorage(url);
      onTestFinished(() => storage.close());
      await storage.migrate('outbox', outboxMigrations);
      return storage;
    }

    it('is not taken from a holder that takes it again meanwhile', async (context) => {
      const url = newUrl();
      const storage = await open(url);
      if (storage.dialect === 'sqlite') return context.skip('SQLite has one writer at a time');
      const other = await open(url);
      const lease = createOutboxLease(storage, 'event', 'one', silent);
      expect(await storage.transaction(lease.take)).toBe(true);
      await lease.release(storage);
      const isTaken = await other.transaction((tx) => {
        const query = async <R extends Row>(sql: string, params?: readonly SqlValue[]): Promise<R[]> => {
          const rows = await tx.query<R>(sql, params);
          expect(await storage.transaction(lease.take)).toBe(true);
          return rows;
        };
        return createOutboxLease(other, 'event', 'other', silent).take({ ...tx, query });
      });
      expect(isTaken).toBe(false);
    });

    it('is renewed when half of it is over, not before', async () => {
      const storage = await open(newUrl());
      const lease = createOutboxLease(storage, 'event', 'one', silent);
      const until = async () =>
        (await storage.query("SELECT until_ms FROM outbox_lease WHERE kind = 'event'"))[0]?.until_ms as bigint;
      await storage.transaction(lease.take);
      const first = await until();
      expect(await storage.transaction(lease.take)).toBe(true);
      expect(await until()).toBe(first);
      await storage.execute('UPDATE outbox_lease SET until_ms = until_ms - 6000');
      expect(await storage.transaction(lease.take)).toBe(true);
      expect(await until()).toBeGreaterThanOrEqual(first);
    });
  });
});
