import { describe, expect, it } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Storage } from '../../../storage/storage.ts';
import { eventually } from '../../../testing/eventually.ts';
import { collector, numbered } from '../../testing/sample-events.ts';
import { corrupt, readAll, testLogFile } from '../testing/log-file.ts';
import { migrations, recordId } from './schema.ts';

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const file = testLogFile();

describe('the search for damage', () => {
  it('reads each event once', async () => {
    const read = { asRows: 0, asEvents: 0 };
    const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
    const counted: Storage = {
      ...storage,
      searchDamage: (_examined, except) =>
        storage.searchDamage?.((rows) => {
          read.asRows += rows;
        }, except) ?? expect.fail('no search'),
    };
    const log = await file.open({ openStorage: async () => counted });
    await log.ensureTopic('t', { partitions: 3 });
    await log.publish(numbered('t', keys, 300));
    const found = log.searchDamage?.((events) => {
      read.asEvents += events;
    });
    expect(await Array.fromAsync(found ?? expect.fail('no search'))).toEqual([]);
    expect(read.asEvents).toBe(300);
    expect(read.asRows).toBeGreaterThan(3);
    expect(read.asRows).toBeLessThan(100);
  });
});

describe('an embedded log with checksums', () => {
  it('adds checksums to a log that was written before there were any', async () => {
    const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
    await storage.migrate('event-log', migrations.slice(0, 1));
    await storage.transaction(async (tx) => {
      await tx.execute("INSERT INTO topic (name, retention_ms) VALUES ('t', 604800000)");
      for (const number of [0, 1]) {
        await tx.execute('INSERT INTO topic_partition (topic, number, start_offset) VALUES ($1, $2, $3)', [
          't',
          number,
          number * 2,
        ]);
      }
      // The second one begins where retention left it.
      for (const [partition, first, end] of [
        [1n, 0n, 1200n],
        [2n, 2n, 5n],
      ] as const) {
        for (let offset = first; offset < end; offset += 1n) {
          await tx.execute(
            'INSERT INTO record (id, time_ms, reached_ms, start_bytes, key, headers, value) VALUES ($1, $2, $2, $3, $4, $5, $6)',
            [
              recordId(partition, offset),
              Date.now(),
              offset * 1000n,
              `${partition}`,
              '{}',
              Buffer.alloc(1000, `${offset}`),
            ],
          );
        }
      }
      await tx.execute("INSERT INTO committed_offset VALUES ('g', 2, 4)");
    });
    await storage.close();

    const opened = await file.open();
    const { events, error } = await readAll(opened, 't', 1203);
    expect(error).toBeUndefined();
    expect(events.filter(({ partition }) => partition === 1).map(({ offset }) => offset)).toEqual([2n, 3n, 4n]);
    expect(await opened.endOffsets('t')).toEqual(
      new Map([
        [0, 1200n],
        [1, 5n],
      ]),
    );
    const seen = collector();
    await opened.consume({ group: 'g', topics: ['t'], start: 'latest', handle: seen.handle });
    await eventually(() => expect(seen.events.map(({ partition, offset }) => [partition, offset])).toEqual([[1, 4n]]));
    await file.change(`UPDATE record SET time_ms = 1 WHERE id = ${recordId(1n, 700n)}`);
    expect((await readAll(await file.open(), 't', 1203)).error).toMatchObject(
      corrupt('offset 700 of partition 0 of t'),
    );
  });

  it.each([
    ['checksums', 1, 'topic', 'SELECT name, retention_ms FROM topic'],
    ['checksums', 1, 'topic', "INSERT INTO topic (name, retention_ms) VALUES ('t', 1) ON CONFLICT (name) DO NOTHING"],
    ['payloads', 3, 'topic_partition', "SELECT * FROM pragma_integrity_check('topic_partition')"],
    ['payloads', 3, 'topic_partition', 'SELECT id FROM topic_partition WHERE topic = $1 ORDER BY number'],
  ])('cannot be opened by a program from before %s', async (_what, itsMigrations, table, itsFirst) => {
    const log = await file.open();
    await log.ensureTopic('t', { partitions: 1 });
    await file.close();
    const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
    await storage.migrate('event-log', migrations.slice(0, itsMigrations));
    await expect(storage.query(itsFirst, itsFirst.includes('$1') ? ['t'] : [])).rejects.toThrow(
      `no such table: ${table}`,
    );
    await storage.close();
  });
});
