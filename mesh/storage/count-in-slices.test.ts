import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { type CountedGroup, countByName, countInSlices } from './count-in-slices.ts';
import { openStorage } from './open.ts';
import type { Storage } from './storage.ts';

describe('counting in slices', () => {
  it('sums the slices, and stops after one that is not full', async () => {
    const asked: number[] = [];
    const total = await countInSlices(0, 3, async (after, size) => {
      asked.push(after);
      const count = Math.min(size, 7 - after);
      return { count, last: after + count };
    });
    expect(total).toBe(7);
    expect(asked).toEqual([0, 3, 6]);
  });

  it('lets others have their turn', async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    await countInSlices(0, 1, async (after) => {
      for (const endMs = performance.now() + 2; performance.now() < endMs; );
      return { count: after < 20 ? 1 : 0, last: after + 1 };
    });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
  });

  describeOnEachDatabase((newUrl) => {
    let storage: Storage;
    beforeAll(async () => {
      storage = await openStorage(newUrl());
      await storage.execute('CREATE TABLE thing (id TEXT PRIMARY KEY, name TEXT NOT NULL, time_ms BIGINT NOT NULL)');
    });
    afterAll(() => storage.close());

    it('counts by name over all slices', async () => {
      await storage.transaction(async (tx) => {
        for (let index = 0; index < 2_500; index += 1) {
          const id = String(index).padStart(5, '0');
          await tx.execute('INSERT INTO thing (id, name, time_ms) VALUES ($1, $2, $3)', [
            id,
            index % 5 === 0 ? 'b' : 'a',
            10_000 - index,
          ]);
        }
      });
      const counts = await countByName((after, size) =>
        storage.query<CountedGroup>(
          `WITH slice AS (SELECT id, name, time_ms FROM thing WHERE id > $1 ORDER BY id LIMIT $2)
           SELECT name, count(*) AS count, min(time_ms) AS oldest, (SELECT max(id) FROM slice) AS last
           FROM slice GROUP BY name`,
          [after, size],
        ),
      );
      expect(counts).toEqual([
        { name: 'a', count: 2_000, oldestTimeMs: 7_501 },
        { name: 'b', count: 500, oldestTimeMs: 7_505 },
      ]);
    });
  });
});
