import { describe, expect, it, onTestFinished } from 'vitest';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { openAgingClock, timesOf } from './aging-clock.ts';
import { openStorage } from './open.ts';

const dayMs = 86_400_000;
const nowMs = 1_780_000_000_000;

describe('the aging clock', () => {
  describeOnEachDatabase((newUrl) => {
    /** A process that keeps rows with times, opened with a clock that shows `clockMs`. */
    async function start(url: string, clockMs: number, times: readonly number[] = []) {
      const clock = createTestClock(clockMs);
      const storage = await openStorage(url, { clock });
      onTestFinished(() => storage.close());
      const sql = 'CREATE TABLE row (time_ms BIGINT NOT NULL); CREATE INDEX row_time ON row (time_ms)';
      await storage.migrate('test', [{ name: '0001-init', sql }]);
      for (const time of times) await storage.execute('INSERT INTO row (time_ms) VALUES ($1)', [time]);
      const aging = await openAgingClock(storage, timesOf(storage, 'row', 'time_ms'), clock);
      return { aging, clock, storage };
    }

    it('starts with what the clock shows where nothing is stored', async () => {
      const { aging, clock } = await start(newUrl(), nowMs);
      expect(aging.nowMs()).toBe(nowMs);
      clock.advance(dayMs);
      expect(aging.nowMs()).toBe(nowMs + dayMs);
    });

    it('passes with real time, whatever the clock is set to', async () => {
      const { aging, clock } = await start(newUrl(), nowMs);
      clock.shift(365 * dayMs);
      clock.advance(1000);
      clock.shift(-1000 * dayMs);
      clock.advance(1000);
      expect(aging.nowMs()).toBe(nowMs + 2000);
    });

    it.each([
      ['a year ahead', nowMs + 365 * dayMs],
      ['right', nowMs],
      ['a day behind', nowMs - dayMs],
      ['at the epoch', 0],
    ])('continues from the newest that is stored when the clock is %s', async (_title, clockMs) => {
      const { aging } = await start(newUrl(), clockMs, [nowMs - 9 * dayMs, nowMs - 1000, nowMs - 5 * dayMs]);
      expect(aging.nowMs()).toBe(nowMs - 1000);
    });

    it('passes over what was stored while a clock was far ahead', async () => {
      const { aging } = await start(newUrl(), nowMs, [nowMs - 1000, nowMs + 365 * dayMs]);
      expect(aging.nowMs()).toBe(nowMs - 1000);
    });

    it('continues from where another process has come, also where that stored nothing', async () => {
      const url = newUrl();
      const first = await start(url, nowMs, [nowMs]);
      await first.storage.check();
      first.clock.advance(20 * dayMs);
      await first.storage.check();
      expect(first.aging.nowMs()).toBe(nowMs + 20 * dayMs);
      const second = await start(url, nowMs + 365 * dayMs);
      expect(second.aging.nowMs()).toBe(nowMs + 20 * dayMs);
    });

    it('does not go back where it was once noted', async () => {
      const url = newUrl();
      const first = await start(url, nowMs, [nowMs]);
      await first.storage.execute('DELETE FROM row');
      expect((await start(url, nowMs - dayMs, [nowMs - 3 * dayMs])).aging.nowMs()).toBe(nowMs);
    });
  });
});
