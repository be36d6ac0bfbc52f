import { beforeEach, describe, expect, it } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Storage } from '../../../storage/storage.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { type TempFolder, tempFolder } from '../../../testing/temp-folder.ts';
import { systemClock } from '../../../time/clock.ts';
import { numbered } from '../../testing/sample-events.ts';
import { createAppender } from '../appender.ts';
import { writePartition } from '../file/meta-rows.ts';
import { openLogFile } from '../file/open-log-file.ts';
import type { Partition } from '../file/partition.ts';
import { selectRecords } from '../file/record.ts';
import { recordId } from '../file/schema.ts';
import { openLogRepair } from '../repair/repair.ts';
import { removePayloads } from './remove-payloads.ts';

const total = 1300;
const logger = createLogger('silent');

describe('the removal of payloads', () => {
  let folder: TempFolder;
  let storage: Storage;
  let partitions: readonly Partition[];
  let recordReads: number;

  const path = () => `${folder.path}/events.db`;
  async function open(): Promise<void> {
    const opened = await openStorage(`sqlite:${path()}`);
    storage = {
      ...opened,
      query: (sql, params) => {
        if (sql.startsWith(selectRecords)) recordReads += 1;
        return opened.query(sql, params);
      },
    };
    const topics = await openLogFile(storage, path(), logger);
    await topics.ensure('t', { partitions: 3 });
    partitions = topics.get('t').partitions;
  }
  async function first(): Promise<bigint | undefined> {
    const [row] = await storage.query<{ first: bigint }>('SELECT MIN(seq) AS first FROM record_payload');
    return row?.first;
  }
  /** Removes the records of each partition before an offset, as the retention does. */
  async function removeRecords(before: bigint): Promise<void> {
    for (const partition of partitions) {
      const [from, to] = [recordId(partition.id, 0n), recordId(partition.id, before)];
      await storage.execute('DELETE FROM record WHERE id >= $1 AND id < $2', [from, to]);
      partition.start = before;
      await writePartition(storage, { ...partition, number: BigInt(partition.number) });
    }
  }
  async function firstNeeded(): Promise<bigint | undefined> {
    const [row] = await storage.query<{ first: bigint }>('SELECT MIN(payload) AS first FROM record');
    return row?.first;
  }
  const remove = () => removePayloads(storage, partitions, new AbortController().signal);

  beforeEach(async () => {
    folder = await tempFolder();
    await open();
    const events = numbered('t', ['a', 'b', 'c'], total);
    // As many in each partition.
    const placed = events.map((event, index) => ({ partition: partitions[index % 3] as Partition, event }));
    await createAppender(storage, systemClock).append(placed);
    recordReads = 0;
    return async () => {
      await storage.close();
      await folder[Symbol.asyncDispose]();
    };
  });

  it('reads one record of each partition, however many payloads it deletes', async () => {
    await removeRecords(420n);
    await remove();
    expect(await first()).toBe(1261n);
    expect(await firstNeeded()).toBe(1261n);
    expect(recordReads).toBe(3);
  });

  it('deletes none that a record needs which could not be removed', async () => {
    await removeRecords(100n);
    // As a deletion that failed leaves it: the readers begin later than the records do.
    const [partition] = partitions as [Partition];
    partition.start = 200n;
    await remove();
    expect(await first()).toBe(1n);
    partition.start = 100n;
    await remove();
    expect(await first()).toBe(301n);
  });

  it('deletes none while the first record of a partition is damaged, and continues once it is skipped', async () => {
    await removeRecords(100n);
    const damaged = [100n, 101n, 102n];
    const ids = damaged.map((offset) => recordId(2n, offset));
    for (const id of ids) await storage.execute('UPDATE record SET time_ms = 1 WHERE id = $1', [id]);
    await remove();
    expect(await first()).toBe(1n);
    await storage.close();
    const repair = await openLogRepair(path(), logger);
    for (const offset of damaged) await repair.skip('t', 1, offset, 'given up');
    await repair[Symbol.asyncDispose]();
    await open();
    await remove();
    expect(await first()).toBe(301n);
    await removeRecords(101n);
    await remove();
    expect(await first()).toBe(304n);
  });
});
