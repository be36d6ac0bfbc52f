import { describe, expect, it, onTestFinished } from 'vitest';
import { captureLog, type LogLine } from '../../testing/captured-log.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { openStorage } from '../open.ts';
import { warnOfClock } from './clock-warning.ts';

const dayMs = 86_400_000;
// Migrations record the machine's time.
const nowMs = Date.now();
const isoOf = (timeMs: number) => new Date(timeMs).toISOString();

describe('the clock warning of a start', () => {
  describeOnEachDatabase((newUrl) => {
    /** Starts with this clock; returns what is logged. */
    async function start(url: string, clockMs: number, checked = true): Promise<LogLine[]> {
      const { logger, lines } = captureLog();
      const clock = createTestClock(clockMs);
      const storage = await openStorage(url, { clock });
      onTestFinished(() => storage.close());
      await warnOfClock({ storage, name: 'order', location: 'here' }, clock, logger);
      if (checked) await storage.check();
      return lines;
    }

    it('does not come for a new database, a restart, or a mesh that was stopped for some days', async () => {
      const url = newUrl();
      const times = [nowMs, nowMs + 1, nowMs - 5000, nowMs + 6 * dayMs];
      for (const clockMs of times) expect(await start(url, clockMs)).toEqual([]);
    });

    it('reports once that the clock is behind the recorded time, with both times', async () => {
      const url = newUrl();
      await start(url, nowMs);
      const fields = { level: 'warn', database: 'order', location: 'here', difference_s: -86_400 };
      const times = { clock: isoOf(nowMs - dayMs), last_seen: isoOf(nowMs) };
      expect(await start(url, nowMs - dayMs)).toEqual([
        expect.objectContaining({ ...fields, ...times, msg: expect.stringMatching(/is behind .*correct the clock/) }),
      ]);
      expect(await start(url, nowMs - dayMs)).toEqual([]);
    });

    it('reports that the clock is far ahead', async () => {
      const url = newUrl();
      await start(url, nowMs);
      expect(await start(url, nowMs + 365 * dayMs)).toEqual([
        expect.objectContaining({ level: 'warn', last_seen: isoOf(nowMs), difference_s: 365 * 86_400 }),
      ]);
    });

    it('reports that the clock is behind the last migration if no check has recorded a time', async () => {
      const url = newUrl();
      await start(url, Date.now(), false);
      expect(await start(url, 0)).toEqual([expect.objectContaining({ clock: '1970-01-01T00:00:00.000Z' })]);
    });
  });
});
