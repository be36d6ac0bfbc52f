import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { type KafkaServer, kafka, startKafka } from '../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { systemClock } from '../../time/clock.ts';
import type { EventLog } from '../log/event-log.ts';
import { collector, event, numbered, text } from '../testing/sample-events.ts';
import { createKafka } from './client/kafkajs.ts';
import { fetchTopicIds } from './consume/consumer.ts';
import { openKafkaLog } from './kafka-log.ts';

const logger = createLogger('silent');

describeWithServer(kafka, 'the event log on Kafka, when a topic is deleted', () => {
  let server: KafkaServer;
  let log: EventLog;
  let topic: string;

  beforeAll(async () => {
    server = await startKafka();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    log = openKafkaLog(`kafka://${server.brokers}`, { clock: systemClock, logger });
    topic = `test.${randomUUID()}`;
    await log.ensureTopic(topic, { partitions: 1 });
  });
  afterEach(() => log.close());

  async function deleteTopic(name: string): Promise<void> {
    const admin = createKafka(server.brokers.split(','), logger).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [name] });
    await admin.disconnect();
  }

  it('continues with its other topics', async () => {
    const doomed = `test.${randomUUID()}`;
    await log.ensureTopic(doomed);
    await log.endOffsets(doomed);
    await log.publish([event(doomed, 'a', 'x')]);
    await deleteTopic(doomed);
    await eventually(
      async () =>
        expect(await log.publish([event(doomed, 'a', 'x')]).catch((error: unknown) => error)).toMatchObject({
          code: expect.any(Number),
        }),
      { timeoutMs: 20_000 },
    );
    const other = `test.${randomUUID()}`;
    await eventually(async () => expect(await log.ensureTopic(other).then(() => log.endOffsets(other))).toBeDefined(), {
      timeoutMs: 20_000,
    });
    await log.publish([event(other, 'a', 'x'), event(topic, 'a', 'x')]);
  }, 60_000);

  it('does not report other topics as missing', async () => {
    const doomed = `test.${randomUUID()}`;
    await log.ensureTopic(doomed);
    await log.publish([event(doomed, 'a', 'x')]);
    await log.endOffsets(doomed);
    await deleteTopic(doomed);
    await eventually(
      async () =>
        expect(await log.publish([event(doomed, 'a', 'x')]).catch((error: unknown) => error)).toMatchObject({
          reason: 'UNKNOWN_TOPIC',
        }),
      { timeoutMs: 20_000 },
    );
    for (let turn = 0; turn < 3; turn++) {
      const other = `test.${randomUUID()}`;
      await log.ensureTopic(other);
      await log.publish([event(other, 'a', 'x'), event(topic, 'a', 'x')]);
      expect((await log.endOffsets(other)).size).toBe(12);
    }
    await expect(log.endOffsets(doomed)).rejects.toMatchObject({ reason: 'UNKNOWN_TOPIC' });
  });

  it('creates it again if a group consumes it, and the group reads it from its beginning', async () => {
    const doomed = `test.${randomUUID()}`;
    await log.ensureTopic(doomed, { partitions: 1 });
    await log.publish(numbered(doomed, ['a'], 3));
    const seen = collector();
    await log.consume({ group: randomUUID(), topics: [doomed, topic], start: 'latest', handle: seen.handle });
    await eventually(
      async () => {
        await log.publish([event(doomed, 'a', 'before')]);
        expect(seen.events.length).toBeGreaterThan(0);
      },
      { timeoutMs: 20_000 },
    );
    const idOf = async (name: string) => {
      const ids = await fetchTopicIds(createKafka(server.brokers.split(','), logger), [name]);
      return ids.get(name);
    };
    const firstId = await idOf(doomed);
    await deleteTopic(doomed);
    await eventually(async () => expect(await idOf(doomed)).not.toBe(firstId), { timeoutMs: 40_000 });
    await eventually(() => log.publish(numbered(doomed, ['a'], 9, 100)));
    const after = () => seen.events.map(text).filter((value) => value !== 'before');
    await eventually(() => expect(after()).toEqual(numbered(doomed, ['a'], 9, 100).map(({ value }) => `${value}`)), {
      timeoutMs: 20_000,
    });
  }, 90_000);
});
