import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { Status } from 'nice-grpc-common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MeshError } from '../../errors/mesh-error.ts';
import { createLogger, type Logger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { type KafkaServer, kafka, startKafka } from '../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { systemClock } from '../../time/clock.ts';
import type { EventLog, NewEvent } from '../log/event-log.ts';
import { describeEventLog } from '../log/suite/event-log.suite.ts';
import { collector, event, numbered, readSome, text } from '../testing/sample-events.ts';
import { createKafka } from './client/kafkajs.ts';
import { openKafkaLog } from './kafka-log.ts';
import { commitOn } from './testing/commit.ts';

const logger = createLogger('silent');
const open = (brokers: string, to = logger) => openKafkaLog(`kafka://${brokers}`, { clock: systemClock, logger: to });

// A consumer has joined its group by then.
const patience = { timeoutMs: 20_000 };

describeWithServer(kafka, 'the event log on Kafka', () => {
  let server: KafkaServer;
  beforeAll(async () => {
    server = await startKafka();
  });
  afterAll(() => server.stop());

  const makeFixture = async () => ({
    open: async (logger?: Logger) => open(server.brokers, logger),
    commit: (group: string, topic: string, offset: bigint) => commitOn(server.brokers, { group, topic, offset }),
    destroy: async () => undefined,
  });
  describeEventLog('as every event log', makeFixture, { waitMs: 15_000 });

  describe('next to other clients', () => {
    let log: EventLog;
    let topic: string;
    beforeEach(async () => {
      log = open(server.brokers);
      topic = `test.${randomUUID()}`;
      await log.ensureTopic(topic, { partitions: 1 });
    });
    afterEach(() => log.close());

    async function sendByOther(message: kafkajs.Message): Promise<void> {
      const producer = createKafka(server.brokers.split(','), logger).producer();
      await producer.connect();
      await producer.send({ topic, messages: [message] });
      await producer.disconnect();
    }

    it('leaves out a header that is not text, and reads a missing key or value as empty', async () => {
      await sendByOther({ value: null, headers: { binary: Buffer.from([0xff, 0xfe]), plain: 'text' } });
      const [stored] = await readSome(log, topic, { at: 'beginning' }, 1);
      expect(stored).toMatchObject({ key: '', value: new Uint8Array(), headers: { plain: 'text' } });
      expect(Object.keys(stored?.headers ?? {})).toEqual(['plain']);
    });

    it('refuses an event that its brokers would refuse, with their limit', async () => {
      const large = { ...event(topic, 'a', ''), value: new Uint8Array(1024 * 1024) };
      await expect(log.publish([large])).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        reason: 'EVENT_TOO_LARGE',
        message: expect.stringContaining('1048588'),
      });
      expect(await log.endOffsets(topic)).toEqual(new Map([[0, 0n]]));
    });

    it('publishes more in one call than its brokers accept in one request', async () => {
      const value = new Uint8Array(10_000);
      await log.publish(numbered(topic, ['a'], 300).map((one) => ({ ...one, value })));
      expect(await log.endOffsets(topic)).toEqual(new Map([[0, 300n]]));
    });

    it('starts at the oldest kept event if a removed one is requested', async () => {
      await log.publish(numbered(topic, ['a'], 10));
      const admin = createKafka(server.brokers.split(','), logger).admin();
      await admin.connect();
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '7' }] });
      await admin.disconnect();
      expect(await readSome(log, topic, { at: 'offsets', offsets: new Map([[0, 2n]]) }, 1)).toMatchObject([
        { offset: 7n },
      ]);
      const seen = collector();
      await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
      await eventually(() => expect(seen.events.map(text)).toEqual(['7', '8', '9']), patience);
    });

    it('keeps the position of a group that started at the end and has handled nothing yet', async () => {
      const group = randomUUID();
      await log.publish([event(topic, 'a', 'before')]);
      await log.consume({ group, topics: [topic], start: 'latest', handle: async () => undefined });
      const committed = async () => {
        const admin = createKafka(server.brokers.split(','), logger).admin();
        await admin.connect();
        const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        await admin.disconnect();
        return offsets?.partitions[0]?.offset;
      };
      await eventually(async () => expect(await committed()).toBe('1'), patience);
    });

    it('leaves no group behind after reading', async () => {
      await log.publish(numbered(topic, ['a'], 3));
      await readSome(log, topic, { at: 'beginning' }, 3);
      const admin = createKafka(server.brokers.split(','), logger).admin();
      await admin.connect();
      const { groups } = await admin.listGroups();
      await admin.disconnect();
      expect(groups.filter(({ groupId }) => groupId.includes(topic))).toEqual([]);
    });

    it('does not delay other partitions because of a slow one', async () => {
      const wide = `test.${randomUUID()}`;
      await log.ensureTopic(wide, { partitions: 2 });
      await log.publish(numbered(wide, ['a', 'b', 'c', 'd'], 2000));
      const done = new Map<number, number>();
      await log.consume({
        group: randomUUID(),
        topics: [wide],
        handle: async ({ partition }) => {
          if (partition === 0) throw new Error('never');
          done.set(partition, (done.get(partition) ?? 0) + 1);
        },
      });
      const ends = await log.endOffsets(wide);
      await eventually(() => expect(done.get(1)).toBe(Number(ends.get(1))), patience);
    });

    it('publishes accepted events even if a concurrent call published refused ones', async () => {
      const admin = createKafka(server.brokers.split(','), logger).admin();
      await admin.connect();
      const configEntries = [{ name: 'message.timestamp.before.max.ms', value: '1000' }];
      const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configEntries }];
      await admin.alterConfigs({ validateOnly: false, resources });
      await admin.disconnect();
      const old = { ...event(topic, 'a', 'old'), timeMs: 1 };
      await eventually(async () =>
        expect(await log.publish([old]).catch((error: unknown) => error)).toMatchObject({
          code: Status.INVALID_ARGUMENT,
          reason: 'EVENT_REFUSED',
        }),
      );
      const publish = (one: NewEvent) =>
        log.publish([one]).then(
          () => 'taken',
          (error: MeshError) => error.reason,
        );
      const outcomes = await Promise.all([old, event(topic, 'a', 'new'), old, event(topic, 'a', 'new')].map(publish));
      expect(outcomes).toEqual(['EVENT_REFUSED', 'taken', 'EVENT_REFUSED', 'taken']);
    });

    it('refuses every call after it was closed', async () => {
      await log.close();
      const closed = { reason: 'EVENTS_UNAVAILABLE' };
      const consumer = { group: 'g', topics: [topic], handle: async () => undefined };
      await expect(log.publish([event(topic, 'a', 'x')])).rejects.toMatchObject(closed);
      await expect(log.consume(consumer)).rejects.toMatchObject(closed);
      await expect(log.check()).rejects.toMatchObject(closed);
      await expect(readSome(log, topic, { at: 'beginning' }, 1)).rejects.toMatchObject(closed);
    });
  });
});

it('an event log without reachable brokers opens, rejects each call, and closes', async () => {
  const log = open(`127.0.0.1:${await freePort()}`);
  const unavailable = { code: Status.UNAVAILABLE, reason: 'EVENTS_UNAVAILABLE' };
  await expect(log.check()).rejects.toMatchObject(unavailable);
  await expect(log.publish([event('t', 'a', 'x')])).rejects.toMatchObject(unavailable);
  await expect(log.ensureTopic('t')).rejects.toMatchObject(unavailable);
  const consumer = { group: 'g', topics: ['t'], handle: async () => undefined };
  await expect(log.consume(consumer)).rejects.toMatchObject(unavailable);
  await expect(readSome(log, 't', { at: 'beginning' }, 1)).rejects.toMatchObject(unavailable);
  await log.close();
});
