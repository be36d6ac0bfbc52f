import { randomUUID } from 'node:crypto';
import { setTimeout as timeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { type KafkaServer, kafka, startKafka } from '../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { systemClock as clock } from '../../time/clock.ts';
import type { EventLog, StartPosition } from '../log/event-log.ts';
import { type Reading, readAndResumeInBackground, readInBackground } from '../testing/background-readers.ts';
import { silent as logger } from '../testing/events.ts';
import { type RepliesProxy, startRepliesProxy } from '../testing/replies-proxy.ts';
import { distinct, event, numbered, perKey, text } from '../testing/sample-events.ts';
import { createKafka } from './client/kafkajs.ts';
import { openKafkaLog } from './kafka-log.ts';

const patience = { timeoutMs: 40_000 };
const keys = ['a', 'b', 'c', 'd', 'e', 'f'];

describeWithServer(kafka, 'readers of one topic of Kafka', () => {
  vi.setConfig({ testTimeout: 120_000 });
  let server: KafkaServer;
  let proxy: RepliesProxy;
  let log: EventLog;
  let topic: string;
  let published: number;
  const started: Reading[] = [];

  beforeAll(async () => {
    const [port, brokerPort] = [await freePort(), await freePort()];
    proxy = await startRepliesProxy(port, brokerPort);
    server = await startKafka({ proxy: { port, brokerPort } });
    log = openKafkaLog(`kafka://127.0.0.1:${port}`, { clock, logger });
  }, 60_000);
  afterAll(async () => {
    await log.close();
    proxy.close();
    await server.stop();
  });
  beforeEach(async () => {
    topic = `test.${randomUUID()}`;
    published = 0;
    await log.ensureTopic(topic, { partitions: 4 });
    // Its connections, and the one for metadata, are there before those of readers.
    await publish(keys.length);
  });
  afterEach(() => {
    for (const { stop } of started.splice(0)) stop();
  });

  async function publish(count: number): Promise<void> {
    await log.publish(numbered(topic, keys, count, published));
    published += count;
  }

  function read(from: StartPosition, pause?: () => Promise<unknown>): Reading {
    return track(readInBackground(log, topic, from, pause));
  }

  function readAndResume(from: ReadonlyMap<number, bigint>): Reading {
    return track(readAndResumeInBackground(log, topic, from));
  }

  /** Stops a reader at the end of its test. */
  function track(reading: Reading): Reading {
    started.push(reading);
    return reading;
  }

  /** Readers at the end of the topic that have seen an event, after which they are all counted from 0. */
  async function readersAtEnd(count: number): Promise<Reading[]> {
    const readings = Array.from({ length: count }, () => read({ at: 'latest' }));
    await eventually(async () => {
      await publish(keys.length);
      expect(readings.every(({ seen }) => seen.length > 0)).toBe(true);
    }, patience);
    await expectAllToReach(readings);
    for (const { seen } of readings) seen.length = 0;
    return readings;
  }

  /** Waits until the readers have the last event of each key. */
  async function expectAllToReach(readings: readonly Reading[]): Promise<void> {
    const last = keys.map((_, index) => `${published - keys.length + index}`).toSorted();
    const ends = ({ seen }: Reading) => Object.values(perKey(seen)).map((values) => values.at(-1));
    await eventually(
      () =>
        expect(readings.map((reading) => reading.failure ?? ends(reading).toSorted())).toEqual(
          readings.map(() => last),
        ),
      patience,
    );
  }

  /** Each event from `first` on once, and those of a key in order. */
  function expectExactly({ seen }: Reading, first: number): void {
    const numbers = seen.map((stored) => Number(text(stored))).filter((number) => number >= first);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => first + index));
    expect(numbers).toHaveLength(published - first);
    for (const values of Object.values(perKey(seen))) expect(values).toEqual(values.toSorted((a, b) => +a - +b));
  }

  it('share a fetch and its connections', async () => {
    const before = proxy.connections;
    const readings = await readersAtEnd(50);
    const first = published;
    for (let round = 0; round < 5; round++) await publish(60);
    await expectAllToReach(readings);
    for (const reading of readings) expectExactly(reading, first);
    expect(proxy.connections - before).toBeLessThan(5);
  });

  it('stop fetching some seconds after the last one has ended', async () => {
    const before = proxy.open;
    const readings = await readersAtEnd(3);
    expect(proxy.open).toBeGreaterThan(before);
    for (const { stop } of readings) stop();
    await eventually(() => expect(proxy.open).toBeLessThanOrEqual(before), patience);
  });

  it('lose and repeat nothing when one of them is slow, and it returns to the others', async () => {
    const fast = await readersAtEnd(5);
    let isBlocked = true;
    const slow = read({ at: 'latest' }, async () => {
      while (isBlocked) await timeout(10);
    });
    const first = published;
    await eventually(async () => {
      await publish(keys.length);
      expect(slow.seen).toHaveLength(1);
    }, patience);
    const start = published;
    // More than what is in memory.
    for (let round = 0; round < 20; round++) await publish(600);
    await expectAllToReach(fast);
    for (const reading of fast) expectExactly(reading, first);
    expect(slow.seen).toHaveLength(1);
    isBlocked = false;
    await expectAllToReach([slow]);
    expectExactly(slow, start);
    const before = proxy.connections;
    for (let round = 0; round < 10; round++) await publish(60);
    await expectAllToReach([...fast, slow]);
    expect(proxy.connections - before).toBeLessThan(3);
  });

  it('resume by offsets, from memory or from the log', async () => {
    const [watching] = await readersAtEnd(1);
    const ends = await log.endOffsets(topic);
    const first = published;
    await publish(60);
    const recent = read({ at: 'offsets', offsets: ends });
    await expectAllToReach([recent]);
    expectExactly(recent, first);
    for (let round = 0; round < 20; round++) await publish(600);
    const old = read({ at: 'offsets', offsets: ends });
    const all = read({ at: 'beginning' });
    const readings = [watching as Reading, recent, old];
    await expectAllToReach([...readings, all]);
    await publish(60);
    await expectAllToReach([...readings, all]);
    for (const reading of readings) expectExactly(reading, first);
    expectExactly(all, 0);
  });

  it('read the end while another one replays from the beginning', async () => {
    for (let round = 0; round < 10; round++) await publish(600);
    let turn = 0;
    let isHeld = true;
    const replay = read({ at: 'beginning' }, async () => {
      // However long the others take to begin, it has far to go then.
      while (isHeld && turn > 1_000) await timeout(10);
      if (turn++ % 3 === 0) await timeout(1);
    });
    await eventually(() => expect(replay.seen.length).toBeGreaterThan(5), patience);
    const latest = await readersAtEnd(3);
    expect(replay.seen.length).toBeLessThan(published / 2);
    isHeld = false;
    const first = published;
    await publish(60);
    await expectAllToReach(latest);
    for (const reading of latest) expectExactly(reading, first);
    await expectAllToReach([replay]);
    expectExactly(replay, 0);
  });

  it('continue after a restart of the broker', async () => {
    const before = proxy.open;
    const ends = await log.endOffsets(topic);
    const first = published;
    const readings = Array.from({ length: 20 }, () => readAndResume(ends));
    await publish(60);
    await expectAllToReach(readings);
    await server.killBroker(0);
    await timeout(1000);
    await server.restartBroker(0);
    await eventually(() => log.check(), patience);
    await eventually(() => publish(60), patience);
    await expectAllToReach(readings);
    let stored = 0;
    for (const [number, end] of await log.endOffsets(topic)) stored += Number(end - (ends.get(number) ?? 0n));
    for (const { seen } of readings) {
      // A publish that seemed to fail may have been stored too.
      expect([seen.length, distinct(seen).length]).toEqual([stored, stored]);
      expect(new Set(seen.map(text)).size).toBe(published - first);
    }
    expect(proxy.open - before).toBeLessThan(5);
  });

  it('end when the topic is deleted, and none of its events are read from a new one of the same name', async () => {
    const readings = await readersAtEnd(10);
    const admin = createKafka([`127.0.0.1:${server.brokers.split(':')[1]}`], logger).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [topic] });
    await eventually(() => expect(readings.every(({ failure }) => failure !== undefined)).toBe(true), patience);
    await eventually(() => admin.createTopics({ topics: [{ topic, numPartitions: 4 }] }), patience);
    await admin.disconnect();
    await eventually(async () => expect((await log.endOffsets(topic)).size).toBe(4), patience);
    const again = Array.from({ length: 10 }, () => read({ at: 'beginning' }));
    await eventually(() => log.publish([event(topic, 'a', 'new')]), patience);
    await eventually(
      () => expect(again.map(({ seen }) => seen.map(text)[0])).toEqual(again.map(() => 'new')),
      patience,
    );
    expect(new Set(again.flatMap(({ seen }) => seen.map(text)))).toEqual(new Set(['new']));
  });
});
