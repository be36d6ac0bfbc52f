import { describe, expect, it } from 'vitest';
import { createTestClock } from '../../testing/test-clock.ts';
import { createWriteCheck } from './write-check.ts';

describe('the write check', () => {
  it('writes with one statement for all times, so a database prepares it once', async () => {
    const clock = createTestClock();
    const startMs = clock.now();
    const written: unknown[] = [];
    const check = createWriteCheck(async (...statement) => {
      written.push(statement);
      return [{ aged_to_ms: 7n }];
    }, clock);
    await check();
    clock.advance(5000.5);
    await check();
    const sql = expect.stringContaining('storage_probe');
    expect(written).toEqual([
      [sql, [startMs, null]],
      [sql, [startMs + 5000, 5007]],
    ]);
    expect(new Set(written.map((statement) => (statement as string[])[0])).size).toBe(1);
  });
});
