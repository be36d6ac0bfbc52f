import { randomUUID } from 'node:crypto';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import type { DeepPartial, EventServiceDefinition, PublishRequest } from '#gen/events/v1/events.ts';
import { type DeadLetter, DeadLetterSource } from '#gen/ops/v1/ops.ts';
import { createEventConsumer } from '../../mesh/events/consumer/create-consumer.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type KafkaServer, kafka, startKafka } from '../../mesh/testing/servers/kafka-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { testService } from '../../mesh/testing/test-service.ts';
import { bridgeService } from '../../services/bridge/service.ts';
import { notificationService } from '../../services/notification/service.ts';
import { opsService } from '../../services/ops/service.ts';
import { userService } from '../../services/user/service.ts';
import { type Shop, shopOf } from '../support/shop.ts';

describe('an event that cannot be processed', () => describePoison(() => ({})));

describeWithServer(kafka, 'an event on Kafka that cannot be processed', () => {
  let server: KafkaServer;
  beforeAll(async () => {
    server = await startKafka();
  });
  afterAll(() => server?.stop());
  describePoison(() => ({ EVENTS_URL: `kafka://${server.brokers}` }));
});

function describePoison(settings: () => Record<string, string>): void {
  const broken = { keys: new Set<string>(), attempts: 0, handled: [] as string[] };
  let mesh: TestMesh;
  let shop: Shop;
  let events: Client<EventServiceDefinition>;
  let key: string;

  beforeAll(async () => {
    const creators = [userService, notificationService, brokenService, bridgeService];
    mesh = await startMesh([...creators, opsService], settings());
    shop = shopOf(mesh.runtime);
    events = mesh.runtime.client(EventServiceContract);
    await shop.users.createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
  });
  afterAll(() => mesh?.stop());

  beforeEach(() => {
    key = `order-${randomUUID()}`;
  });

  /** Consumes its own topic with a handler that throws for some keys. */
  const brokenService = testService('broken', async (runtime) => {
    const { clock, logger } = runtime;
    const storage = await runtime.openStorage('broken');
    const consumer = await createEventConsumer({
      events: runtime.events,
      storage,
      handler: {
        group: 'broken-service',
        topics: ['broken.events'],
        handle: async (event, { type }) => {
          broken.attempts += 1;
          if (broken.keys.has(event.key) && type === 'POISON') throw new Error('a bug');
          return async () => void broken.handled.push(`${event.key} ${type}`);
        },
      },
      retryDelaysMs: [1, 1, 1, 1],
      clock,
      logger,
    });
    return { deadLetters: [consumer.deadLetters], start: consumer.start, stop: consumer.stop };
  });

  const publish = (event: DeepPartial<PublishRequest>) => events.publish({ topic: 'order.events', key, ...event });

  const publishNews = (type: string, news: object = { orderId: key, userId: 'ada' }) =>
    publish({ type, value: { $case: 'json', value: JSON.stringify({ type, ...news }) } });

  const deadLetters = async () =>
    (await Array.fromAsync(shop.deadLetters.listDeadLetters({}))).filter(({ subjectId }) => subjectId === key);

  const deadLetter = () => eventually(async () => (await deadLetters())[0] ?? expect.fail('no dead letter yet'));

  const redrive = ({ id }: DeadLetter) => shop.deadLetters.redriveDeadLetters({ ids: [id] });

  /** Returns the templates of the mails about this order once there are `count`. */
  const mails = (count: number) =>
    eventually(async () => {
      const found = await Array.fromAsync(shop.notifications.listNotifications({ orderId: key }));
      expect(found).toHaveLength(count);
      return found.map(({ template }) => template);
    });

  it('becomes a complete dead letter if it is undecodable, and later events of its key are processed', async () => {
    const bytes = Uint8Array.of(0xff, 0x00, 0x7b);
    await publish({ type: 'ORDER_PLACED', value: { $case: 'payload', value: bytes }, headers: { shop: 'north' } });
    await publishNews('ORDER_COMPLETED');
    expect(await mails(1)).toEqual(['order-completed']);
    const dead = await deadLetter();
    expect(dead).toMatchObject({
      source: DeadLetterSource.DEAD_LETTER_SOURCE_EVENT,
      origin: 'order.events/notification-service',
      reason: 'UNDECODABLE',
      attempts: 1,
      headers: { ce_type: 'ORDER_PLACED', shop: 'north' },
    });
    expect(Buffer.from(dead.payload)).toEqual(Buffer.from(bytes));
  });

  it('stays a dead letter if it fails again, until it is discarded', async () => {
    await publishNews('ORDER_PLACED', { userId: 'ada' });
    const dead = await deadLetter();
    expect((await redrive(dead)).failures).toMatchObject([{ id: dead.id, reason: 'UNDECODABLE' }]);
    expect(await deadLetters()).toMatchObject([{ id: dead.id, attempts: 2 }]);
    await shop.deadLetters.discardDeadLetters({ ids: [dead.id], note: 'a test of its producer' });
    expect(await deadLetters()).toEqual([]);
  });

  it('is skipped, without a dead letter, if its type is unknown', async () => {
    await publishNews('ORDER_GIFT_WRAPPED');
    await publishNews('ORDER_PLACED');
    expect(await mails(1)).toEqual(['order-placed']);
    expect(await deadLetters()).toEqual([]);
  });

  it('is processed on redrive once what was missing exists', async () => {
    const userId = `late-${randomUUID()}`;
    await publishNews('ORDER_PLACED', { orderId: key, userId });
    const dead = await deadLetter();
    expect(dead.reason).toBe('UNKNOWN_RECIPIENT');
    await shop.users.createUser({ user: { id: userId, name: 'Late', email: `${userId}@example.com` } });
    expect((await redrive(dead)).redrivenIds).toEqual([dead.id]);
    expect(await mails(1)).toEqual(['order-placed']);
    expect(await deadLetters()).toEqual([]);
  });

  it('is attempted five times if its handler throws, and has one effect if redriven and published again', async () => {
    const requestId = randomUUID();
    const poison = {
      requestId,
      topic: 'broken.events',
      type: 'POISON',
      value: { $case: 'json', value: '{}' },
    } as const;
    broken.keys.add(key);
    await publish(poison);
    await publish({ ...poison, requestId: randomUUID(), type: 'FINE' });
    const dead = await deadLetter();
    expect(dead).toMatchObject({
      origin: 'broken.events/broken-service',
      reason: 'HANDLER_FAILED',
      error: 'a bug',
      attempts: 5,
    });
    await eventually(() => expect(broken.handled).toEqual([`${key} FINE`]));
    expect(broken.attempts).toBe(6);

    broken.keys.delete(key);
    expect((await redrive(dead)).redrivenIds).toEqual([dead.id]);
    await publish(poison);
    await publish({ ...poison, requestId: randomUUID(), type: 'LAST' });
    await eventually(() => expect(broken.handled).toContain(`${key} LAST`));
    expect(broken.handled).toEqual([`${key} FINE`, `${key} POISON`, `${key} LAST`]);
    expect(await deadLetters()).toEqual([]);
  });
}
