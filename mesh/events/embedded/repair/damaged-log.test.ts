import { beforeEach, describe, expect, it } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { eventually } from '../../../testing/eventually.ts';
import type { StoredEvent } from '../../log/event-log.ts';
import { collector, event, numbered, perKey, text } from '../../testing/sample-events.ts';
import { recordId } from '../file/schema.ts';
import { corrupt, readAll, testLogFile } from '../testing/log-file.ts';
import { openLogRepair } from './repair.ts';

const logger = createLogger('silent');
const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const total = 60;
const file = testLogFile();

describe('a damaged record', () => {
  let before: StoredEvent[];
  const damaged = { partition: 1, offset: 3n };
  const id = recordId(2n, damaged.offset);
  const intact = () => before.filter(({ partition, offset }) => partition !== 1 || offset < damaged.offset);

  beforeEach(async () => {
    const written = await file.open();
    await written.ensureTopic('t', { partitions: 3 });
    await written.publish(
      numbered('t', keys, total).map((one) => ({
        ...one,
        headers: { ce_id: text({ ...one, partition: 0, offset: 0n }) },
      })),
    );
    before = (await readAll(written, 't', total)).events;
    expect(before.filter(({ partition }) => partition === 1).length).toBeGreaterThan(5);
  });

  it.each([
    ['its key', "key = key || 'x'"],
    ['its headers', "headers = '{}'"],
    ['its value', "value = X'00'"],
    ['the type of its value', 'value = CAST(value AS TEXT)'],
    ['its time', 'time_ms = time_ms + 1'],
    ['the time that it reached', 'reached_ms = reached_ms - 1'],
    ['where its bytes start', 'start_bytes = start_bytes + 100000000'],
    ['the type of where its bytes start', "start_bytes = 'x'"],
    ['whether it was skipped', 'skipped = 1'],
    ['its checksum', 'checksum = NULL'],
    ['its place', `id = ${id} + 100000`],
    ['that it is there', 'key = key; DELETE FROM record'],
  ])('stops only its partition if this changed: %s', async (_what, assignment) => {
    await file.change(
      assignment.includes('DELETE')
        ? `DELETE FROM record WHERE id = ${id}`
        : `UPDATE record SET ${assignment} WHERE id = ${id}`,
    );
    // A record in the wrong place is after the end of its partition, or in the way of others.
    if (assignment.startsWith('id')) {
      await expect(file.open()).rejects.toMatchObject(corrupt('partition 1 of t has a record after its end'));
      return;
    }
    const opened = await file.open();
    const { events, error } = await readAll(opened, 't', total);
    expect(perKey(events)).toEqual(perKey(intact()));
    expect(events.map(({ headers }) => headers)).toEqual(
      expect.arrayContaining(intact().map(({ headers }) => headers)),
    );
    expect(error).toMatchObject({
      ...corrupt(`${file.path} is damaged: offset 3 of partition 1 of t`),
      metadata: { topic: 't', partition: '1', offset: '3' },
    });
    await expect(opened.checkPartitions()).rejects.toMatchObject(corrupt('offset 3 of partition 1 of t'));
  });

  it('is not delivered to a group, which gets earlier events and those of other partitions', async () => {
    await file.change(
      `UPDATE record_payload SET headers = replace(headers, 'ce_id', 'ce_ie') WHERE seq = (SELECT payload FROM record WHERE id = ${id})`,
    );
    const opened = await file.open();
    const seen = collector();
    await opened.consume({ group: 'g', topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.perKey()).toEqual(perKey(intact())));
    const positions = await opened.publish(numbered('t', keys, keys.length, total));
    const later = positions.filter(({ partition }) => partition !== 1).length;
    await eventually(() => expect(seen.events).toHaveLength(intact().length + later));
    await expect(opened.checkPartitions()).rejects.toMatchObject(corrupt('offset 3 of partition 1 of t'));
  });

  it('is missed at the end of its partition, and its offset is not used again', async () => {
    await file.close();
    const end = (await file.open()).endOffsets('t');
    const last = ((await end).get(1) ?? 0n) - 1n;
    await file.change(`DELETE FROM record WHERE id = ${recordId(2n, last)}`);
    const opened = await file.open();
    expect((await readAll(opened, 't', total)).error).toMatchObject(
      corrupt(`offset ${last} of partition 1 of t is missing`),
    );
    const key = before.find(({ partition }) => partition === 1)?.key ?? '';
    expect(await opened.publish([event('t', key, 'next')])).toEqual([{ partition: 1, offset: last + 1n }]);
  });

  it('is not treated as older than it is when a time is looked up', async () => {
    await file.change(`UPDATE record SET reached_ms = 1 WHERE id >= ${recordId(2n, 0n)} AND id < ${recordId(3n, 0n)}`);
    const opened = await file.open();
    const reading = opened.read('t', { at: 'time', timeMs: Date.now() }, new AbortController().signal);
    await expect(reading[Symbol.asyncIterator]().next()).rejects.toMatchObject(corrupt('partition 1 of t'));
  });

  it('is skipped once an operator has decided so, and kept as it was found', async () => {
    await file.change(
      `UPDATE record SET value = X'0102' WHERE id = ${id}; DELETE FROM record WHERE id IN (${id + 2n}, ${id + 3n})`,
    );
    await using repair = await openLogRepair(file.path, logger);
    const found = await Array.fromAsync(repair.damage());
    expect(found.map(({ partition, from, to }) => [partition.number, from, to])).toEqual([
      [1, 3n, 4n],
      [1, 5n, 7n],
    ]);
    await expect(repair.skip('t', 1, 4n, 'why')).rejects.toMatchObject({ reason: 'NOT_DAMAGED' });
    expect(await repair.skip('t', 1, 3n, 'seen to be an old order')).toBe(1);
    expect(await repair.skip('t', 1, 5n, 'gone')).toBe(2);
    expect(await Array.fromAsync(repair.damage())).toEqual([]);
    await repair[Symbol.asyncDispose]();

    const opened = await file.open();
    const kept = before.filter(({ partition, offset }) => partition !== 1 || ![3n, 5n, 6n].includes(offset));
    const { events } = await readAll(opened, 't', kept.length);
    expect(perKey(events)).toEqual(perKey(kept));
    const seen = collector();
    await opened.consume({ group: 'g', topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.perKey()).toEqual(perKey(kept)));
    await opened.checkPartitions();
    await file.close();
    const storage = await openStorage(`sqlite:${file.path}`);
    expect(await storage.query('SELECT record_id, hex(value) AS value, note FROM skipped_record')).toEqual([
      { record_id: id, value: '0102', note: 'seen to be an old order' },
    ]);
    await storage.close();
  });

  it('cannot be skipped before an earlier damaged record', async () => {
    await file.change(`UPDATE record SET value = X'01' WHERE id IN (${id}, ${id + 1n})`);
    await using repair = await openLogRepair(file.path, logger);
    await expect(repair.skip('t', 1, 4n, 'why')).rejects.toMatchObject({ reason: 'DAMAGED_BEFORE' });
  });
});

describe('a log whose own rows are damaged', () => {
  it.each([
    ['the retention of a topic', 'UPDATE log_topic SET retention_ms = 1', 'the row of a topic'],
    ['where a partition starts', 'UPDATE log_partition SET start_offset = 5 WHERE id = 1', 'the row of a partition'],
    ['where a partition ends', 'UPDATE log_partition SET end_offset = 1 WHERE id = 1', 'the row of a partition'],
    ['that a partition is there', 'PRAGMA foreign_keys = OFF; DELETE FROM log_partition WHERE id = 2', 'is missing'],
    ['where a group resumes', 'UPDATE committed_offset SET next_offset = 9', 'the row of a committed offset'],
  ])('is refused if this changed: %s', async (_what, sql, said) => {
    const written = await file.open();
    await written.ensureTopic('t', { partitions: 3 });
    await written.publish(numbered('t', keys, total));
    const seen = collector();
    await written.consume({ group: 'g', topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.events).toHaveLength(total));
    await file.change(sql);
    await expect(file.open()).rejects.toMatchObject(corrupt(said));
  });

  it('is read again by a group whose damaged offset was deleted with the statement of the error', async () => {
    const written = await file.open();
    await written.ensureTopic('t', { partitions: 3 });
    await written.publish(numbered('t', keys, total));
    const seen = collector();
    await written.consume({ group: "g'1", topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.events).toHaveLength(total));
    await file.change('UPDATE committed_offset SET next_offset = 9 WHERE partition_id = 2');
    const refused = await file.open().catch((error: Error) => error.message);
    await file.change(/DELETE FROM .*/.exec(`${refused}`)?.[0] ?? expect.fail(`no statement in ${refused}`));

    const opened = await file.open();
    const again = collector();
    await opened.consume({ group: "g'1", topics: ['t'], handle: again.handle });
    const partition = (partitionId: number) =>
      seen.events.filter((event) => event.partition === partitionId - 1).length;
    expect(partition(2)).toBeGreaterThan(0);
    await eventually(() => expect(again.events).toHaveLength(partition(2)));
  });
});
