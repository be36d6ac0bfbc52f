import { describe, expect, it } from 'vitest';
import type { Row, SqlValue } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { openStore } from '../testing/fixture.ts';
import { selectSinceSnapshot } from './snapshot-table.ts';

const everything = { upTo: 10_000n, limit: 500 };

describe('the newest snapshot of a stream', () => {
  describeOnEachDatabase((newUrl) => {
    it('is found by the index, even while PostgreSQL has no statistics: the others are not read and sorted', async () => {
      const { storage } = await openStore(newUrl());
      await storage.execute(
        `WITH RECURSIVE numbers AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)
         INSERT INTO event_snapshot (stream, version, schema_version, state, checksum) SELECT 'a', n, 1, '{}', 0 FROM numbers`,
      );
      const explain = { sqlite: 'EXPLAIN QUERY PLAN', postgres: 'EXPLAIN' }[storage.dialect];
      const plans: string[] = [];
      const query = async <R extends Row>(sql: string, params: readonly SqlValue[] = []): Promise<R[]> => {
        const rows = await storage.transaction((tx) => tx.query(`${explain} ${sql}`, params));
        plans.push(rows.map((row) => row['QUERY PLAN'] ?? row.detail).join('\n'));
        return [];
      };
      await selectSinceSnapshot({ ...storage, query }, 'a', 1, everything);
      const scan = { sqlite: 'SEARCH event_snapshot USING', postgres: 'Index Scan Backward using event_snapshot_pkey' };
      expect(plans).toEqual([expect.stringContaining(scan[storage.dialect])]);
    });
  });
});
