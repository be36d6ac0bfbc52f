import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import { eventually } from '../../testing/eventually.ts';
import { freePort } from '../../testing/servers/free-port.ts';
import { type KafkaServer, kafka, startKafka } from '../../testing/servers/kafka-server.ts';
import { describeWithServer } from '../../testing/servers/servers.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock as clock } from '../../time/clock.ts';
import type { EventHandler } from '../consumer/consumer.ts';
import { createEventConsumer } from '../consumer/create-consumer.ts';
import type { EventLog } from '../log/event-log.ts';
import { silent } from '../testing/events.ts';
import { keyFor } from '../testing/key-for.ts';
import { type RepliesProxy, startRepliesProxy } from '../testing/replies-proxy.ts';
import { collector, event, text } from '../testing/sample-events.ts';
import { createKafka } from './client/kafkajs.ts';
import { openKafkaLog } from './kafka-log.ts';

const patience = { timeoutMs: 40_000 };
const storageError = 56;

describeWithServer(kafka, 'a partition that its broker cannot give', () => {
  let server: KafkaServer;
  let proxy: RepliesProxy;
  let log: EventLog;
  const logger = silent.child({});
  const warn = vi.spyOn(logger, 'warn');

  beforeAll(async () => {
    const [port, brokerPort] = [await freePort(), await freePort()];
    proxy = await startRepliesProxy(port, brokerPort);
    server = await startKafka({ proxy: { port, brokerPort } });
    vi.spyOn(logger, 'child').mockReturnValue(logger as never);
    log = openKafkaLog(`kafka://127.0.0.1:${port}`, { clock, logger });
  }, 60_000);
  afterAll(async () => {
    await log.close();
    proxy.close();
    await server.stop();
  });

  it('stops alone, fails the check, costs no connections, and continues later', { timeout: 180_000 }, async () => {
    const topic = `test.${randomUUID()}`;
    await log.ensureTopic(topic, { partitions: 2 });
    const [bad, good] = [keyFor(0, 2), keyFor(1, 2)];
    proxy.failFetches(topic, 0, storageError);
    const seen = collector();
    const consumer = await log.consume({ group: randomUUID(), topics: [topic], handle: seen.handle });
    await log.publish([event(topic, bad, 'bad')]);
    let published = 0;
    const goOn = async () => {
      await log.publish([event(topic, good, `${published}`)]);
      published += 1;
      await eventually(() => expect(seen.perKey()[good]?.length).toBe(published), patience);
    };
    await goOn();
    const outcome = async () => {
      await goOn();
      return await consumer.check().catch((error: unknown) => error);
    };
    const metadata = { topic, partition: '0', offset: '0' };
    await eventually(
      async () =>
        expect(await outcome()).toMatchObject({ code: Status.UNAVAILABLE, reason: 'EVENTS_UNAVAILABLE', metadata }),
      patience,
    );
    const [connections, warnings] = [proxy.connections, warn.mock.calls.length];
    for (let round = 0; round < 100; round++) await goOn();
    expect(proxy.connections - connections).toBeLessThan(3);
    expect(warn.mock.calls.length - warnings).toBeLessThan(3);

    proxy.failFetches(topic, 0, 0);
    await eventually(() => expect(seen.perKey()[bad]).toEqual(['bad']), patience);
    await expect(consumer.check()).resolves.toBeUndefined();
  });

  it('is no longer reported by a process that lost it to another while its event waits', {
    timeout: 180_000,
  }, async () => {
    const [topic, group] = [`test.${randomUUID()}`, randomUUID()];
    await log.ensureTopic(topic, { partitions: 2 });
    await log.publish([0, 1].map((partition) => event(topic, keyFor(partition, 2), `${partition}`)));
    await using folder = await tempFolder();
    const storage = await openStorage(`sqlite:${join(folder.path, 'service.db')}`);
    const joinAs = async (isWired: () => boolean) => {
      const handled: number[] = [];
      const handle: EventHandler['handle'] = async ({ partition }) => {
        if (!isWired()) throw new MeshError(Status.PERMISSION_DENIED, 'DENIED', 'wired wrongly');
        handled.push(partition);
        return undefined;
      };
      const consumer = await createEventConsumer({
        events: log,
        storage,
        handler: { group, topics: [topic], handle },
        clock,
        logger: silent,
      });
      await consumer.start();
      return { handled, consumer, outcome: () => consumer.check().then(() => 'well', String) };
    };
    let isWired = false;
    const one = await joinAs(() => isWired);
    await eventually(async () => expect(await one.outcome()).toContain('wired wrongly'), patience);
    const two = await joinAs(() => true);
    await eventually(() => expect(two.handled.length).toBe(1), patience);
    await eventually(async () => expect(await one.outcome()).toContain('wired wrongly'), patience);
    isWired = true;
    await eventually(() => expect([...one.handled, ...two.handled].toSorted()).toEqual([0, 1]), patience);
    await eventually(async () => expect(await one.outcome()).toBe('well'), patience);
    await Promise.all([one.consumer.stop(), two.consumer.stop()]);
    await storage.close();
  });
});

describeWithServer(kafka, 'a partition without a leader', () => {
  let server: KafkaServer;
  beforeAll(async () => {
    server = await startKafka({ brokers: 3 });
  }, 90_000);
  afterAll(() => server.stop());

  it('blocks neither other partitions nor new members, and continues when its broker is back', {
    timeout: 240_000,
  }, async () => {
    const [topic, group] = [`test.${randomUUID()}`, randomUUID()];
    const admin = createKafka(server.brokers.split(','), silent).admin();
    await admin.connect();
    const replicaAssignment = [1, 2, 3].map((broker, partition) => ({ partition, replicas: [broker] }));
    await admin.createTopics({ topics: [{ topic, replicaAssignment }] });
    await admin.disconnect();
    const log = openKafkaLog(`kafka://${server.brokers}`, { clock, logger: silent });
    const keys = [0, 1, 2].map((partition) => keyFor(partition, 3));
    const [first, lost, last] = keys as [string, string, string];
    const seen = collector();
    try {
      const consumer = await log.consume({ group, topics: [topic], handle: seen.handle });
      const publish = (key: string, value: string) =>
        eventually(
          async () =>
            expect(await log.publish([event(topic, key, value)]).then(() => 'published', String)).toBe('published'),
          patience,
        );
      for (const key of keys) await publish(key, 'before');
      // A publish that seemed to fail and was repeated may have been stored twice.
      await eventually(() => expect(Object.keys(seen.perKey()).toSorted()).toEqual(keys.toSorted()), patience);
      await server.killBroker(1);
      const outcome = () => consumer.check().catch((error: unknown) => error);
      const metadata = { topic, partition: '1', offset: `${seen.perKey()[lost]?.length}` };
      await eventually(
        async () => expect(await outcome()).toMatchObject({ reason: 'EVENTS_UNAVAILABLE', metadata }),
        patience,
      );
      for (const key of [first, last]) await publish(key, 'meanwhile');
      await eventually(
        () =>
          expect([seen.perKey()[first], seen.perKey()[last]].map((all) => all?.at(-1))).toEqual([
            'meanwhile',
            'meanwhile',
          ]),
        patience,
      );
      await consumer.stop();
      for (const key of [first, last]) await publish(key, 'another');
      const other = collector();
      const next = await log.consume({ group, topics: [topic], handle: other.handle });
      await eventually(() => expect(other.events.map(text)).toEqual(['another', 'another']), patience);
      await server.restartBroker(1);
      await publish(lost, 'after');
      await eventually(() => expect(other.perKey()[lost]).toEqual(['after']), patience);
      await eventually(async () => expect(await next.check().then(() => 'well', String)).toBe('well'), patience);
    } finally {
      await log.close();
    }
  });
});
