import { randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { Status } from 'nice-grpc-common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { type KafkaServer, kafka, startKafka } from '../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { systemClock as clock } from '../../time/clock.ts';
import type { EventLog, StoredEvent } from '../log/event-log.ts';
import { silent as logger } from '../testing/events.ts';
import { keyFor } from '../testing/key-for.ts';
import { collector, event, numbered, readSome, text } from '../testing/sample-events.ts';
import { createKafka } from './client/kafkajs.ts';
import { fetchTopicIds } from './consume/consumer.ts';
import { openKafkaLog } from './kafka-log.ts';

const patience = { timeoutMs: 30_000 };

describeWithServer(kafka, 'reading from Kafka', () => {
  vi.setConfig({ testTimeout: 60_000 });
  let server: KafkaServer;
  let admin: Admin;
  let log: EventLog;
  let topic: string;

  beforeAll(async () => {
    server = await startKafka();
    admin = createKafka(server.brokers.split(','), logger).admin();
    await admin.connect();
  });
  afterAll(async () => {
    await admin.disconnect();
    await server.stop();
  });
  beforeEach(() => {
    log = openKafkaLog(`kafka://${server.brokers}`, { clock, logger });
    topic = `test.${randomUUID()}`;
  });
  afterEach(() => log.close());

  async function createTopic(settings: Record<string, string | number>, partitions = 1): Promise<void> {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value: `${value}` }));
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }] });
    await eventually(
      async () => expect(await log.endOffsets(topic).then((ends) => ends.size)).toBe(partitions),
      patience,
    );
  }

  /** Reads in the background until the test ends; `failure` is what the reading ended with. */
  function readOn(from: Parameters<EventLog['read']>[1]) {
    const stop = new AbortController();
    const seen: StoredEvent[] = [];
    const reading = { seen, failure: undefined as unknown, stop: () => stop.abort() };
    void (async () => {
      try {
        for await (const stored of log.read(topic, from, stop.signal)) seen.push(stored);
      } catch (error) {
        reading.failure = error;
      }
    })();
    return reading;
  }

  /** A key of a partition of two. */
  const keyOf = (partition: number) => keyFor(partition, 2);

  it.each(['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'reads events that are compressed with %s',
    async (codec) => {
      await createTopic({ 'compression.type': codec });
      const lines = Array.from({ length: 3000 }, (_, index) => `line ${index} of a text that is worth it\n`).join('');
      const values = [lines, '', randomBytes(70_000).toString('hex')];
      await log.publish(values.map((value) => event(topic, 'a', value)));
      const seen = collector();
      await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
      await eventually(() => expect(seen.events.map(text)).toEqual(values), patience);
      expect((await readSome(log, topic, { at: 'beginning' }, values.length)).map(text)).toEqual(values);
    },
  );

  it('reads hundreds of thousands of small records of one answer, each once and in order', async () => {
    await createTopic({ 'compression.type': 'gzip' });
    const count = 160_000;
    for (let first = 0; first < count; first += 20_000) await log.publish(numbered(topic, ['a'], 20_000, first));
    let next = 0;
    for await (const stored of log.read(topic, { at: 'beginning' }, new AbortController().signal)) {
      if (text(stored) !== `${next}`) throw new Error(`${text(stored)} came instead of ${next}`);
      next += 1;
      if (next === count) break;
    }
    let handled = 0;
    const handle = async (stored: StoredEvent) => {
      if (text(stored) === `${handled}`) handled += 1;
    };
    await log.consume({ group: randomUUID(), topics: [topic], handle });
    await eventually(() => expect(handled).toBe(count), patience);
  });

  it('keeps only the records of its partition for a waiting event, not the whole answer', async () => {
    await createTopic({}, 4);
    const values = Array.from({ length: 4 }, (_, partition) => {
      return { ...event(topic, keyFor(partition, 4), ''), value: randomBytes(900_000) };
    });
    await log.publish(values);
    const seen = await readSome(log, topic, { at: 'beginning' }, 4);
    for (const { value } of seen) expect(value.buffer.byteLength).toBeLessThan(1_900_000);
  });

  it('skips a batch that compaction left empty', async () => {
    await createTopic({ 'cleanup.policy': 'compact', 'segment.bytes': 1024 * 1024, 'min.cleanable.dirty.ratio': 0.01 });
    const other = createKafka(server.brokers.split(','), logger).producer({ idempotent: true, maxInFlightRequests: 1 });
    await other.connect();
    const large = (key: string, bytes: number) => ({ ...event(topic, key, ''), value: randomBytes(bytes) });
    await log.publish([large('first', 900_000)]);
    // The last of its producer: compaction keeps its batch, without the record.
    await other.send({ topic, messages: [{ key: 'k', value: 'old' }] });
    await log.publish([large('second', 250_000)]);
    await log.publish([event(topic, 'k', 'new')]);
    for (let turn = 0; turn < 4; turn++) await log.publish([large(`v${turn}`, 900_000)]);
    await log.publish([event(topic, 'last', 'x')]);
    const behindFirst = { at: 'offsets', offsets: new Map([[0, 1n]]) } as const;
    const offsetBehindFirst = async () => (await readSome(log, topic, behindFirst, 1))[0]?.offset;
    await eventually(async () => expect(await offsetBehindFirst()).toBe(2n), patience);
    await other.disconnect();

    const keys = ['first', 'second', 'k', 'v0', 'v1', 'v2', 'v3', 'last'];
    const seen = collector();
    await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
    await eventually(() => expect(seen.events.map(({ key }) => key)).toEqual(keys), patience);
    expect((await readSome(log, topic, { at: 'beginning' }, keys.length)).map(({ key }) => key)).toEqual(keys);
  });

  it('leaves out aborted transactions and continues after them', async () => {
    await createTopic({});
    const transactionalId = randomUUID();
    const producer = createKafka(server.brokers.split(','), logger).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      transactionalId,
    });
    await producer.connect();
    for (const end of ['abort', 'commit', 'abort', 'commit'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ key: 'a', value: end }] });
      await transaction[end]();
    }
    await producer.disconnect();
    await log.publish([event(topic, 'a', 'plain')]);
    expect((await readSome(log, topic, { at: 'beginning' }, 3)).map(text)).toEqual(['commit', 'commit', 'plain']);
  });

  it('finds partitions that are added while it reads and consumes', async () => {
    await createTopic({});
    const reading = readOn({ at: 'latest' });
    const seen = collector();
    await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
    await eventually(async () => {
      await log.publish([event(topic, keyOf(0), 'before')]);
      expect(Math.min(reading.seen.length, seen.events.length)).toBeGreaterThan(0);
    }, patience);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
    const producer = createKafka(server.brokers.split(','), logger).producer();
    await producer.connect();
    await eventually(() => producer.send({ topic, messages: [{ partition: 1, value: 'added' }] }), patience);
    await producer.disconnect();
    await eventually(() => expect(reading.seen.map(text)).toContain('added'), patience);
    await eventually(() => expect(seen.events.map(text)).toContain('added'), patience);
    reading.stop();
  });

  it('distinguishes a topic from an earlier one of the same name', async () => {
    await createTopic({});
    const idOf = async () => (await fetchTopicIds(createKafka(server.brokers.split(','), logger), [topic])).get(topic);
    const first = await idOf();
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(await idOf()).toBe(first);
    await admin.deleteTopics({ topics: [topic] });
    await eventually(async () => expect(await idOf().catch(() => undefined)).toBeUndefined(), patience);
    await createTopic({});
    expect(await idOf()).toMatch(/^[0-9a-f]{32}$/);
    expect(await idOf()).not.toBe(first);
  });

  it('stops only the partition of a damaged batch, and reports it', async () => {
    await createTopic({}, 2);
    const [damaged, whole] = [keyOf(0), keyOf(1)];
    await log.publish([event(topic, damaged, 'first'), event(topic, whole, 'first')]);
    await log.publish([event(topic, damaged, 'DAMAGED'), event(topic, whole, 'second')]);
    await log.publish([event(topic, damaged, 'behind it')]);
    await damage('DAMAGED');

    const seen = collector();
    const consumer = await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
    const unreadable = {
      code: Status.DATA_LOSS,
      reason: 'PARTITION_UNREADABLE',
      metadata: { topic, partition: '0', offset: '1' },
    };
    await eventually(
      async () => expect(await consumer.check().catch((error: unknown) => error)).toMatchObject(unreadable),
      patience,
    );
    await expect(log.checkPartitions()).rejects.toMatchObject(unreadable);
    await expect(log.check()).resolves.toBeUndefined();
    await log.publish([event(topic, whole, 'third')]);
    await eventually(
      () => expect(seen.perKey()).toEqual({ [damaged]: ['first'], [whole]: ['first', 'second', 'third'] }),
      patience,
    );
    const reading = readOn({ at: 'beginning' });
    await eventually(() => expect(reading.failure).toMatchObject(unreadable), patience);

    await damage('DAMAGED');
    await eventually(() => expect(seen.perKey()[damaged]).toEqual(['first', 'DAMAGED', 'behind it']), patience);
    await expect(consumer.check()).resolves.toBeUndefined();
    await expect(log.checkPartitions()).resolves.toBeUndefined();
  });

  /** Turns a text over where the broker keeps it. A second time turns it back. */
  async function damage(value: string): Promise<void> {
    const folder = server.partitionFolder(topic, 0);
    const file = join(folder, (await readdir(folder)).find((name) => name.endsWith('.log')) ?? '');
    const bytes = await readFile(file);
    const flip = Buffer.from(value).map((byte) => byte ^ 0xff);
    const at = Math.max(bytes.indexOf(value), bytes.indexOf(flip));
    for (let index = at; index < at + value.length; index++) bytes.writeUInt8((bytes[index] ?? 0) ^ 0xff, index);
    await writeFile(file, bytes, { flag: 'r+' });
  }
});
