import { copyFile, mkdtemp, open as openFile, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { systemClock } from '../../time/clock.ts';
import type { EventLog, StoredEvent } from '../log/event-log.ts';
import { collector, event, numbered, perKey, text } from '../testing/sample-events.ts';
import { openEmbeddedLog } from './embedded-log.ts';
import { migrations, recordId } from './file/schema.ts';
import { openLogRepair } from './repair/repair.ts';

const logger = createLogger('silent');
const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const total = 60;

let folder: string;
let file: string;
let log: EventLog | undefined;

const open = async () => {
  log = await openEmbeddedLog(file, { clock: systemClock, logger });
  return log;
};
const close = async () => {
  await log?.close();
  log = undefined;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'event-damage-'));
  file = join(folder, 'events.db');
});
afterEach(async () => {
  await close();
  await rm(folder, { recursive: true });
});

/** Changes the file while nobody has it open. */
async function change(sql: string): Promise<void> {
  await close();
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

/** Reads until the log ends with an error or has given `count` events. */
async function readAll(
  from: EventLog,
  topic: string,
  count: number,
): Promise<{ events: StoredEvent[]; error: unknown }> {
  const events: StoredEvent[] = [];
  const stop = new AbortController();
  try {
    for await (const stored of from.read(topic, { at: 'beginning' }, stop.signal)) {
      events.push(stored);
      if (events.length === count) stop.abort();
    }
  } catch (error) {
    return { events, error };
  }
  return { events, error: undefined };
}

const corrupt = (text: string) => ({
  code: Status.DATA_LOSS,
  reason: 'STORAGE_CORRUPT',
  message: expect.stringContaining(text),
});

describe('a damaged record', () => {
  let before: StoredEvent[];
  const damaged = { partition: 1, offset: 3n };
  const id = recordId(2n, damaged.offset);
  const intact = () => before.filter(({ partition, offset }) => partition !== 1 || offset < damaged.offset);

  beforeEach(async () => {
    const written = await open();
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

  test.each([
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
  ])('stops its partition alone when this changed: %s', async (_what, assignment) => {
    await change(
      assignment.includes('DELETE')
        ? `DELETE FROM record WHERE id = ${id}`
        : `UPDATE record SET ${assignment} WHERE id = ${id}`,
    );
    // A record elsewhere than it belongs is behind the end of its partition, or in the way of others.
    if (assignment.startsWith('id')) {
      await expect(open()).rejects.toMatchObject(corrupt('partition 1 of t has a record behind its end'));
      return;
    }
    const opened = await open();
    const { events, error } = await readAll(opened, 't', total);
    expect(perKey(events)).toEqual(perKey(intact()));
    expect(events.map(({ headers }) => headers)).toEqual(
      expect.arrayContaining(intact().map(({ headers }) => headers)),
    );
    expect(error).toMatchObject({
      ...corrupt(`${file} is damaged: offset 3 of partition 1 of t`),
      metadata: { file, topic: 't', partition: '1', offset: '3' },
    });
    await expect(opened.checkPartitions()).rejects.toMatchObject(corrupt('offset 3 of partition 1 of t'));
  });

  test('is not handed to a group, which gets what is before it and in other partitions, also what comes later', async () => {
    await change(`UPDATE record SET headers = replace(headers, 'ce_id', 'ce_ie') WHERE id = ${id}`);
    const opened = await open();
    const seen = collector();
    await opened.consume({ group: 'g', topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.perKey()).toEqual(perKey(intact())));
    const positions = await opened.publish(numbered('t', keys, keys.length, total));
    const later = positions.filter(({ partition }) => partition !== 1).length;
    await eventually(() => expect(seen.events).toHaveLength(intact().length + later));
    await expect(opened.checkPartitions()).rejects.toMatchObject(corrupt('offset 3 of partition 1 of t'));
  });

  test('at the end of its partition is missed when it is gone, and its offset is not given out again', async () => {
    const end = (await open().catch(() => log as EventLog)).endOffsets('t');
    const last = ((await end).get(1) ?? 0n) - 1n;
    await change(`DELETE FROM record WHERE id = ${recordId(2n, last)}`);
    const opened = await open();
    expect((await readAll(opened, 't', total)).error).toMatchObject(
      corrupt(`offset ${last} of partition 1 of t is missing`),
    );
    const key = before.find(({ partition }) => partition === 1)?.key ?? '';
    expect(await opened.publish([event('t', key, 'next')])).toEqual([{ partition: 1, offset: last + 1n }]);
  });

  test('is not taken for older than it is where a time is looked for', async () => {
    await change(`UPDATE record SET reached_ms = 1 WHERE id >= ${recordId(2n, 0n)} AND id < ${recordId(3n, 0n)}`);
    const opened = await open();
    const reading = opened.read('t', { at: 'time', timeMs: Date.now() }, new AbortController().signal);
    await expect(reading[Symbol.asyncIterator]().next()).rejects.toMatchObject(corrupt('partition 1 of t'));
  });

  test('is passed over once an operator has skipped it, and kept as it was found', async () => {
    await change(
      `UPDATE record SET value = X'0102' WHERE id = ${id}; DELETE FROM record WHERE id IN (${id + 2n}, ${id + 3n})`,
    );
    await using repair = await openLogRepair(file, logger);
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

    const opened = await open();
    const kept = before.filter(({ partition, offset }) => partition !== 1 || ![3n, 5n, 6n].includes(offset));
    const { events } = await readAll(opened, 't', kept.length);
    expect(perKey(events)).toEqual(perKey(kept));
    const seen = collector();
    await opened.consume({ group: 'g', topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.perKey()).toEqual(perKey(kept)));
    await opened.checkPartitions();
    await close();
    const storage = await openStorage(`sqlite:${file}`);
    expect(await storage.query('SELECT record_id, hex(value) AS value, note FROM skipped_record')).toEqual([
      { record_id: id, value: '0102', note: 'seen to be an old order' },
    ]);
    await storage.close();
  });

  test('cannot be skipped before what is damaged in front of it', async () => {
    await change(`UPDATE record SET value = X'01' WHERE id IN (${id}, ${id + 1n})`);
    await using repair = await openLogRepair(file, logger);
    await expect(repair.skip('t', 1, 4n, 'why')).rejects.toMatchObject({ reason: 'DAMAGED_BEFORE' });
  });
});

describe('a log whose own rows are damaged', () => {
  test.each([
    ['the retention of a topic', 'UPDATE log_topic SET retention_ms = 1', 'the row of a topic'],
    ['where a partition starts', 'UPDATE topic_partition SET start_offset = 5 WHERE id = 1', 'the row of a partition'],
    ['where a partition ends', 'UPDATE topic_partition SET end_offset = 1 WHERE id = 1', 'the row of a partition'],
    ['that a partition is there', 'PRAGMA foreign_keys = OFF; DELETE FROM topic_partition WHERE id = 2', 'is gone'],
    ['where a group goes on', 'UPDATE committed_offset SET next_offset = 9', 'the row of a committed offset'],
  ])('is refused when this changed: %s', async (_what, sql, said) => {
    const written = await open();
    await written.ensureTopic('t', { partitions: 3 });
    await written.publish(numbered('t', keys, total));
    const seen = collector();
    await written.consume({ group: 'g', topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.events).toHaveLength(total));
    await change(sql);
    await expect(open()).rejects.toMatchObject(corrupt(said));
  });
});

test('the search for damage reads each event once', async () => {
  const read = { asRows: 0, asEvents: 0 };
  const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
  const counted: Storage = {
    ...storage,
    searchDamage: (_examined, except) =>
      storage.searchDamage?.((rows) => {
        read.asRows += rows;
      }, except) ?? expect.fail('no search'),
  };
  log = await openEmbeddedLog(file, { clock: systemClock, logger, open: async () => counted });
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

describe('a file with flipped bytes', () => {
  test('never gives a record that is not as it was written, and says what is damaged', {
    timeout: 120_000,
  }, async () => {
    const written = await open();
    await written.ensureTopic('t', { partitions: 3 });
    const headers = { ce_id: 'x'.repeat(36), ce_type: 'ORDER_PLACED' };
    const value = (index: number) => Buffer.from(`${index}`.repeat(index % 50 === 0 ? 3000 : 30));
    await written.publish(numbered('t', keys, 300).map((one, index) => ({ ...one, headers, value: value(index) })));
    const seen = collector();
    await written.consume({ group: 'g', topics: ['t'], handle: seen.handle });
    await eventually(() => expect(seen.events).toHaveLength(300));
    const before = new Map(seen.events.map((one) => [`${one.partition}/${one.offset}`, comparable(one)]));
    await close();
    const whole = join(folder, 'whole.db');
    await copyFile(file, whole);
    const { length } = await readFile(whole);

    const outcomes = { refused: 0, stopped: 0, harmless: 0 };
    // Evenly over the file, and closer in its first pages, which hold its header and its schema.
    const positions = [
      ...Array.from({ length: 250 }, (_, index) => Math.floor((length * (index + 0.5)) / 250)),
      ...Array.from({ length: 100 }, (_, index) => index * 81),
    ];
    for (const [round, position] of positions.entries()) {
      await copyFile(whole, file);
      await flip(file, position, (round % 255) + 1);
      const outcome = await tryRead(before);
      outcomes[outcome] += 1;
    }
    expect(outcomes.stopped).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  /** Opens the file and reads all of it. Fails where a record came that was not written so, or one was left out in silence. */
  async function tryRead(before: ReadonlyMap<string, unknown>): Promise<'refused' | 'stopped' | 'harmless'> {
    try {
      const opened = await open();
      const { events, error } = await readAll(opened, 't', before.size);
      for (const one of events) expect(comparable(one)).toEqual(before.get(`${one.partition}/${one.offset}`));
      if (error === undefined) {
        expect(new Set(events.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(before.size);
        return 'harmless';
      }
      expect(error).toMatchObject({ reason: 'STORAGE_CORRUPT', message: expect.stringContaining(file) });
      await expect(opened.checkPartitions()).rejects.toMatchObject({ reason: 'STORAGE_CORRUPT' });
      return 'stopped';
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      // A schema that does not read as it was made may also look like that of another program.
      expect(['STORAGE_CORRUPT', 'STORAGE_MISCONFIGURED']).toContain(error.reason);
      expect(error.message).toContain(file);
      return 'refused';
    } finally {
      await close();
    }
  }

  const comparable = ({ key, headers, value, timeMs }: StoredEvent) => ({
    key,
    headers,
    value: Buffer.from(value).toString('hex'),
    timeMs,
  });

  async function flip(path: string, position: number, bits: number): Promise<void> {
    await using handle = await openFile(path, 'r+');
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, position);
    await handle.write(Buffer.from([(byte[0] ?? 0) ^ bits]), 0, 1, position);
  }
});

test('a log from before checksums gets them, and goes on', async () => {
  const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
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

  const opened = await open();
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
  await change(`UPDATE record SET time_ms = 1 WHERE id = ${recordId(1n, 700n)}`);
  expect((await readAll(await open(), 't', 1203)).error).toMatchObject(corrupt('offset 700 of partition 0 of t'));
});

test.each([
  'SELECT name, retention_ms FROM topic',
  "INSERT INTO topic (name, retention_ms) VALUES ('t', 1) ON CONFLICT (name) DO NOTHING",
])('a program from before checksums does not start on a log that has them: %s', async (itsFirst) => {
  await open();
  await close();
  const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
  await storage.migrate('event-log', migrations.slice(0, 1));
  await expect(storage.execute(itsFirst)).rejects.toThrow('no such table: topic');
  await storage.close();
});
