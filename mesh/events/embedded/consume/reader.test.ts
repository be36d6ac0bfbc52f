import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Row, SqlValue, Storage } from '../../../storage/storage.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { type TempFolder, tempFolder } from '../../../testing/temp-folder.ts';
import { systemClock } from '../../../time/clock.ts';
import { numbered } from '../../testing/sample-events.ts';
import { createAppender } from '../appender.ts';
import { openLogFile } from '../file/open-log-file.ts';
import type { Partition } from '../file/partition.ts';
import { follow, readBatch } from './reader.ts';

let folder: TempFolder;
let storage: Storage;
let partition: Partition;

beforeEach(async () => {
  folder = await tempFolder();
  storage = await openStorage(`sqlite:${join(folder.path, 'events.db')}`);
  const topics = await openLogFile(storage, join(folder.path, 'events.db'), createLogger('silent'));
  await topics.ensure('t', { partitions: 1 });
  [partition] = topics.get('t').partitions as [Partition];
  const kilobyte = 'x'.repeat(1000);
  const events = numbered('t', ['a'], 1000).map((event) => ({ ...event, value: Buffer.from(kilobyte) }));
  await createAppender(storage, systemClock).append(events.map((event) => ({ partition, event })));
});
afterEach(async () => {
  await storage.close();
  await folder[Symbol.asyncDispose]();
});

it('a batch is bounded by events and by bytes, and holds one event at least', async () => {
  const length = async (maxEvents: number, maxBytes: number) =>
    (await readBatch(storage, partition, 500n, { maxEvents, maxBytes })).events.length;
  expect(await length(10, 1_000_000)).toBe(10);
  expect(await length(100, 20_000)).toBe(20);
  expect(await length(100, 1)).toBe(1);
  expect(await readBatch(storage, partition, 1000n, { maxEvents: 10, maxBytes: 1000 })).toEqual({
    events: [],
    next: 1000n,
  });
});

it('a slow reader makes the log read no more than a batch ahead of it', async () => {
  let rowsRead = 0;
  const counting: Storage = {
    ...storage,
    async query<R extends Row>(sql: string, params?: readonly SqlValue[]) {
      const rows = await storage.query<R>(sql, params);
      rowsRead += rows.length;
      return rows;
    },
  };
  const topic = { name: 't', retentionMs: 0, partitions: [partition] };
  const reading = follow(counting, topic, { at: 'beginning' }, new AbortController().signal, (wait) => wait());
  await reading.next();
  expect(rowsRead).toBe(100);
  for (let taken = 1; taken <= 100; taken++) await reading.next();
  expect(rowsRead).toBe(200);
  await reading.return(undefined);
  expect(partition.readers.size).toBe(0);
});
