import { describe, expect, it } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import { eventually } from '../../../testing/eventually.ts';
import { createTestClock } from '../../../testing/test-clock.ts';
import { numbered, perKey } from '../../testing/sample-events.ts';
import { readAll, testLogFile } from '../testing/log-file.ts';
import { type RecordRow, recordChecksum, selectRecords } from './record.ts';
import { offsetOf } from './schema.ts';

const keys = ['a', 'b', 'c'];
const hourMs = 60 * 60 * 1000;
const file = testLogFile();

/** Makes the file one of the version that stored headers and values in the records. */
async function withoutPayloads(): Promise<void> {
  await file.close();
  const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
  for (const row of await storage.query<RecordRow>(selectRecords)) {
    const inRow = { ...row, headers: row.payload_headers ?? '', value: row.payload_value ?? row.value, payload: null };
    const place = { topic: 't', number: Number((row.id - offsetOf(row.id)) >> 40n) - 1 };
    await storage.execute('UPDATE record SET headers = $2, value = $3, payload = NULL, checksum = $4 WHERE id = $1', [
      inRow.id,
      inRow.headers,
      inRow.value,
      recordChecksum(place, inRow),
    ]);
  }
  await storage.execute('DELETE FROM record_payload');
  await storage.transaction(async (tx) => {
    await tx.execute('DROP TABLE record_payload');
    await tx.execute('ALTER TABLE record DROP COLUMN payload');
    await tx.execute('ALTER TABLE log_partition RENAME TO topic_partition');
    await tx.execute("DELETE FROM schema_migration WHERE name = '0005-payloads'");
  });
  await storage.close();
}

async function payloads(): Promise<bigint[]> {
  await file.close();
  const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
  const rows = await storage.query<{ seq: bigint }>('SELECT seq FROM record_payload ORDER BY seq');
  await storage.close();
  return rows.map(({ seq }) => seq);
}

describe('the payloads of an embedded log', () => {
  it('are read from the records of an earlier version, and later ones from their own table', async () => {
    const first = await file.open();
    await first.ensureTopic('t', { partitions: 2 });
    await first.publish(numbered('t', keys, 20));
    const before = (await readAll(first, 't', 20)).events;
    await withoutPayloads();

    const log = await file.open();
    expect((await readAll(log, 't', 20)).events).toEqual(before);
    await log.publish(numbered('t', keys, 10, 20));
    const { events, error } = await readAll(log, 't', 30);
    expect(error).toBeUndefined();
    expect(perKey(events)).toEqual(perKey([...before, ...events.filter((one) => !before.some(isSame(one)))]));
    expect(events).toHaveLength(30);
    expect(await payloads()).toHaveLength(10);
  });

  it('are deleted with the oldest records of all partitions, and no number is used twice', async () => {
    const clock = createTestClock();
    const retained = () => eventually(() => expect(clock.pendingMs()).toContain(hourMs));
    const anHourLater = async () => {
      clock.advance(hourMs);
      await retained();
      await log.check();
    };
    let log = await file.open({ clock });
    await retained();
    await log.ensureTopic('t', { partitions: 3, retentionMs: hourMs });
    const aged = (count: number, from: number) =>
      numbered('t', keys, count, from).map((one) => ({ ...one, timeMs: clock.now() }));
    await log.publish(aged(900, 0));
    await anHourLater();
    await log.publish(aged(30, 900));
    await anHourLater();
    await anHourLater();
    const left = await readAll(log, 't', 30);
    expect(left.error).toBeUndefined();
    expect(await payloads()).toEqual(Array.from({ length: 30 }, (_, index) => BigInt(901 + index)));

    log = await file.open({ clock });
    await retained();
    for (let hours = 0; hours < 3; hours++) await anHourLater();
    await log.publish(aged(1, 930));
    expect(await payloads()).toEqual([930n, 931n]);
  });
});

const isSame =
  (one: { readonly partition: number; readonly offset: bigint }) =>
  (other: { readonly partition: number; readonly offset: bigint }) =>
    one.partition === other.partition && one.offset === other.offset;
