import { describe, expect, it, onTestFinished } from 'vitest';
import { idempotencyMigrations } from '../../idempotency/handled-requests.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { openStorage } from '../open.ts';
import type { Storage } from '../storage.ts';
import { openAgingClock } from './aging-clock.ts';

const dayMs = 86_400_000;
const nowMs = 1_780_000_000_000;

describe('the aging clock', () => {
  describeOnEachDatabase((newUrl) => {
    /** Starts a process with this clock. */
    async function start(url: string, clockMs: number) {
      const clock = createTestClock(clockMs);
      const storage = await openStorage(url, { clock });
      onTestFinished(() => storage.close());
      return { aging: await openAgingClock(storage, clock), clock, storage };
    }

    it("starts with the machine's clock if nothing is stored", async () => {
      const { aging, clock } = await start(newUrl(), nowMs);
      expect(aging.nowMs()).toBe(nowMs);
      clock.advance(dayMs);
      expect(aging.nowMs()).toBe(nowMs + dayMs);
    });

    it('advances with real time, no matter what the clock is set to', async () => {
      const { aging, clock } = await start(newUrl(), nowMs);
      clock.shift(365 * dayMs);
      clock.advance(1000);
      clock.shift(-1000 * dayMs);
      clock.advance(1000);
      expect(aging.nowMs()).toBe(nowMs + 2000);
    });

    it.each([
      ['a year ahead', nowMs + 365 * dayMs],
      ['right again', nowMs],
      ['at the epoch', 0],
    ])('continues from another process if the clock is %s', async (_title, clockMs) => {
      const url = newUrl();
      const first = await start(url, nowMs);
      await first.storage.check();
      first.clock.advance(20 * dayMs);
      await first.storage.check();
      expect(first.aging.nowMs()).toBe(nowMs + 20 * dayMs);
      expect((await start(url, clockMs)).aging.nowMs()).toBe(nowMs + 20 * dayMs);
    });

    it.each([
      ['a year ahead', nowMs + 365 * dayMs],
      ['at the epoch', 0],
    ])('continues as it began if the clock of the first start was %s', async (_title, clockMs) => {
      const url = newUrl();
      const first = await start(url, clockMs);
      first.clock.advance(1000);
      expect(first.aging.nowMs()).toBe(clockMs + 1000);
      expect((await start(url, nowMs)).aging.nowMs()).toBe(clockMs);
    });

    it('is the same for all processes that start together, with any clocks', async () => {
      const url = newUrl();
      const clocks = [nowMs + 365 * dayMs, nowMs, nowMs - dayMs, 0];
      const processes = await Promise.all(clocks.map((clockMs) => start(url, clockMs)));
      const [first] = processes.map(({ aging }) => aging.nowMs());
      expect(clocks).toContain(first);
      for (const { clock } of processes) clock.advance(1000);
      for (const { storage } of processes) await storage.check();
      for (const { clock } of processes) clock.advance(1000);
      for (const { storage } of processes) await storage.check();
      for (const { aging } of processes) expect(aging.nowMs()).toBe((first ?? 0) + 2000);
      expect((await start(url, nowMs)).aging.nowMs()).toBe((first ?? 0) + 1000);
    });

    it('ignores times that are stored after it has begun', async () => {
      const url = newUrl();
      const { storage } = await start(url, nowMs);
      await makeTables(storage);
      await addTimes(storage, [nowMs + dayMs, nowMs + 365 * dayMs]);
      expect((await start(url, nowMs + 2 * dayMs)).aging.nowMs()).toBe(nowMs);
    });

    describe('in a database that did not record it yet', () => {
      /** The last process of the previous version, whose rows have these times. */
      async function keep(url: string, times: readonly number[]): Promise<void> {
        const storage = await openStorage(url);
        await makeTables(storage);
        await addTimes(storage, times);
        await storage.execute('DROP TABLE storage_probe');
        await storage.execute("DELETE FROM schema_migration WHERE set_name = 'storage'");
        await storage.close();
      }

      it.each([
        ['a year ahead', nowMs + 365 * dayMs],
        ['right', nowMs],
        ['a day behind', nowMs - dayMs],
        ['at the epoch', 0],
      ])('starts with the newest time of all tables if the clock is %s', async (_title, clockMs) => {
        const url = newUrl();
        await keep(url, [nowMs - 9 * dayMs, nowMs - 1000, nowMs - 5 * dayMs]);
        const { aging, storage } = await start(url, clockMs);
        expect(aging.nowMs()).toBe(nowMs - 1000);
        await storage.check();
        expect((await start(url, clockMs)).aging.nowMs()).toBe(nowMs - 1000);
      });

      it('ignores times that were stored while a clock was far ahead', async () => {
        const url = newUrl();
        await keep(url, [nowMs - 1000, nowMs + 365 * dayMs]);
        expect((await start(url, nowMs)).aging.nowMs()).toBe(nowMs - 1000);
      });

      it("starts with the machine's clock if its tables are empty", async () => {
        const url = newUrl();
        await keep(url, []);
        expect((await start(url, nowMs)).aging.nowMs()).toBe(nowMs);
      });
    });
  });
});

/** Two of the tables with times of the machine's clock, as their owners make them. */
async function makeTables(storage: Storage): Promise<void> {
  await storage.migrate('idempotency', idempotencyMigrations);
  const sql = 'CREATE TABLE buried_task (stamp TEXT NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL)';
  await storage.migrate('buried-tasks', [{ name: '0001-init', sql }]);
}

/** Stores the times alternately in both tables. */
async function addTimes(storage: Storage, times: readonly number[]): Promise<void> {
  for (const [index, time] of times.entries()) {
    await storage.execute(
      index % 2 === 0
        ? "INSERT INTO handled_request (method, request_id, fingerprint, create_time) VALUES ('m', $1, '', $2)"
        : 'INSERT INTO buried_task (stamp, time_ms) VALUES ($1, $2)',
      [String(index), time],
    );
  }
}
