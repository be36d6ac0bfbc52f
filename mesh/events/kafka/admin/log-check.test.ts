import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc-common';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../../testing/eventually.ts';
import { freePort } from '../../../testing/servers/free-port.ts';
import { type KafkaServer, kafka, startKafka } from '../../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../../testing/servers/servers.ts';
import { systemClock as clock } from '../../../time/clock.ts';
import type { EventLog } from '../../log/event-log.ts';
import { silent as logger } from '../../testing/events.ts';
import { type RepliesProxy, startRepliesProxy } from '../../testing/replies-proxy.ts';
import { event } from '../../testing/sample-events.ts';
import { createKafka } from '../client/kafkajs.ts';
import { openKafkaLog } from '../kafka-log.ts';

const patience = { timeoutMs: 20_000 };

describeWithServer(kafka, 'the check of the event log on Kafka', () => {
  let server: KafkaServer;
  let proxy: RepliesProxy;
  let port: number;
  let brokerPort: number;
  let log: EventLog;
  let topic: string;

  beforeAll(async () => {
    [port, brokerPort] = [await freePort(), await freePort()];
    proxy = await startRepliesProxy(port, brokerPort);
    server = await startKafka({ proxy: { port, brokerPort } });
  }, 60_000);
  afterAll(async () => {
    await log.close();
    proxy.close();
    await server.stop();
  });

  async function open(): Promise<void> {
    topic = `test.${randomUUID()}`;
    log = openKafkaLog(`kafka://${server.brokers}`, { clock, logger });
    await log.ensureTopic(topic, { partitions: 2 });
  }
  afterEach(() => log.close());

  const outcome = () =>
    log.check().then(
      () => 'works',
      (error: unknown) => error,
    );

  it('fails while a topic that the process needs is missing, and not for other topics', {
    timeout: 60_000,
  }, async () => {
    await open();
    const others = `test.${randomUUID()}`;
    const admin = createKafka(server.brokers.split(','), logger).admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: others }] });
    expect(await outcome()).toBe('works');
    await admin.deleteTopics({ topics: [others] });
    expect(await outcome()).toBe('works');
    await admin.deleteTopics({ topics: [topic] });
    await eventually(
      async () => expect(await outcome()).toMatchObject({ reason: 'UNKNOWN_TOPIC', metadata: { topic } }),
      patience,
    );
    await admin.createTopics({ topics: [{ topic }] });
    await eventually(async () => expect(await outcome()).toBe('works'), patience);
    await admin.disconnect();
  });

  it('waits for a topic that could not be created yet, as for brokers that are away', { timeout: 60_000 }, async () => {
    proxy.close();
    topic = `test.${randomUUID()}`;
    log = openKafkaLog(`kafka://${server.brokers}`, { clock, logger });
    await expect(log.ensureTopic(topic)).rejects.toMatchObject({ reason: 'EVENTS_UNAVAILABLE' });
    proxy = await startRepliesProxy(port, brokerPort);
    await eventually(
      async () =>
        expect(await outcome()).toMatchObject({
          reason: 'EVENTS_UNAVAILABLE',
          message: expect.stringContaining(`topic ${topic} does not exist yet`),
        }),
      patience,
    );
    await log.ensureTopic(topic);
    expect(await outcome()).toBe('works');
  });

  it('fails while events are not accepted, even if the cluster answers', { timeout: 60_000 }, async () => {
    await open();
    const publish = () => log.publish([event(topic, 'key', 'text')]);
    await publish();
    expect(await outcome()).toBe('works');
    proxy.dropProduceReplies(20);
    await expect(publish()).rejects.toMatchObject({ reason: 'EVENTS_UNAVAILABLE' });
    expect(await outcome()).toMatchObject({ code: Status.UNAVAILABLE, reason: 'EVENTS_UNAVAILABLE' });
    proxy.dropProduceReplies(0);
    await eventually(() => publish(), patience);
    expect(await outcome()).toBe('works');
  });
});
