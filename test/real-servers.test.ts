import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { type EventRecord, type EventServiceDefinition, Start, type SubscribeRequest } from '#gen/events/v1/events.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import type { EventLog } from '../mesh/events/log/event-log.ts';
import { eventually } from '../mesh/testing/eventually.ts';
import { type ProcessOptions, spawnProcess, startProcess } from '../mesh/testing/servers/start-process.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { onRuntime } from '../mesh/testing/test-service.ts';
import { bridgeService } from '../services/bridge/service.ts';
import { readMails } from './support/mails.ts';
import { describeWithRealServers, type RealServers, startRealServers } from './support/real-servers.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from './support/shop.ts';

describeWithRealServers('a mesh on Kafka', () => {
  let servers: RealServers;

  beforeAll(async () => {
    servers = await startRealServers();
  }, 120_000);
  afterAll(() => servers?.[Symbol.asyncDispose]());

  describe('the services', () => {
    it('complete an order, send its mails, and store only mails on their own disk', async () => {
      await using folder = await tempFolder();
      await using mesh = await startProcess({ dataDir: folder.path, environment: servers.settings() });
      await using demo = spawnProcess({
        main: 'examples/demo.ts',
        dataDir: folder.path,
        environment: { ADDRESS: mesh.address },
      });
      expect(await demo.ended, demo.stdout() + demo.stderr()).toEqual({ code: 0, signal: null });
      expect(demo.stdout()).toMatch(/event +ORDER_COMPLETED +order\.events, partition \d+, offset \d+/);
      expect(demo.stdout()).toMatch(/mail +order-completed +task on email-jobs, SENT to \S+, 1 attempt/);
      expect(demo.stdout()).toMatch(/order \S+ is COMPLETED\n$/);
      expect(readMails(join(folder.path, 'mail'))).not.toEqual([]);
      expect((await readdir(folder.path)).filter((name) => name.endsWith('.db'))).toEqual([]);
      expect(await mesh.stop()).toEqual({ code: 0, signal: null });
    });

    it('finish accepted orders after kill -9, and send their mails', { timeout: 90_000 }, async () => {
      await using folder = await tempFolder();
      const options: ProcessOptions = { dataDir: folder.path, environment: servers.settings() };
      await using first = await startProcess(options);
      const shop = shopOf(first);
      await fillShop(shop);
      const placed = await Promise.all(
        Array.from({ length: 10 }, () => shop.orders.placeOrder(bookOrder({ quantity: 1 }))),
      );
      await first.kill9();

      await using second = await startProcess(options);
      const { orders, notifications } = shopOf(second);
      for (const { id } of placed) {
        expect((await watchToEnd(orders, id)).at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);
        const templates = async () =>
          (await Array.fromAsync(notifications.listNotifications({ orderId: id }))).map(({ template }) => template);
        // The broker waits about ten seconds for the killed consumer before it assigns the partitions to another.
        await eventually(async () => expect(await templates()).toEqual(['order-placed', 'order-completed']), {
          timeoutMs: 40_000,
        });
      }
    });
  });

  describe('the bridge', () => {
    const partitions = 3;
    let mesh: TestMesh;
    let bridge: Client<EventServiceDefinition>;
    let readCount = 0;

    beforeAll(async () => {
      const { EVENTS_URL = '' } = servers.settings();
      const service = onRuntime(bridgeService, (runtime) => ({ ...runtime, events: counted(runtime.events) }));
      mesh = await startMesh([service], { EVENTS_URL });
      bridge = mesh.runtime.client(EventServiceContract);
    });
    afterAll(() => mesh?.stop());

    function counted(events: EventLog): EventLog {
      return {
        ...events,
        async *read(topic, from, signal) {
          for await (const event of events.read(topic, from, signal)) {
            readCount += 1;
            yield event;
          }
        },
      };
    }

    async function newTopic(): Promise<string> {
      const topic = `topic-${randomUUID()}`;
      await mesh.runtime.events.ensureTopic(topic, { partitions });
      return topic;
    }

    const publish = (topic: string, key: string) =>
      bridge.publish({ topic, key, type: 'THING_MADE', value: { $case: 'json', value: `{"key":"${key}"}` } });

    async function take(request: Partial<SubscribeRequest>, count: number): Promise<EventRecord[]> {
      const records: EventRecord[] = [];
      for await (const record of bridge.subscribe(request)) if (records.push(record) === count) break;
      return records;
    }

    it('lists topics with their partitions', async () => {
      const topic = await newTopic();
      expect((await bridge.listTopics({})).topics).toContainEqual({ name: topic, partitions });
    });

    it('publishes an event that a subscriber receives unchanged', async () => {
      const topic = await newTopic();
      const { partition, offset } = await publish(topic, 'a');
      const [record] = await take({ topic, from: { $case: 'start', value: Start.START_BEGINNING } }, 1);
      expect(record).toMatchObject({ topic, partition, offset, key: 'a', type: 'THING_MADE' });
      expect(Buffer.from(record?.payload ?? []).toString()).toBe('{"key":"a"}');
    });

    it('resumes from the last offsets without gap or repeat', async () => {
      const topic = await newTopic();
      const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`);
      const publishing = Promise.all(keys.map((key) => publish(topic, key)));
      const seen: string[] = [];
      const byPartition: Record<number, bigint> = {};
      while (seen.length < keys.length) {
        const from = { $case: 'offsets', value: { byPartition } } as const;
        for (const { partition, offset, key } of await take({ topic, from }, Math.min(17, keys.length - seen.length))) {
          expect(offset).toBe(byPartition[partition] ?? 0n);
          byPartition[partition] = offset + 1n;
          seen.push(key);
        }
      }
      await publishing;
      expect(seen.toSorted()).toEqual(keys.toSorted());
    });

    it('reads only a limited number of events ahead of a slow subscriber', async () => {
      const topic = await newTopic();
      const many = Array.from({ length: 8_000 }, (_, index) => {
        return { topic, key: `${index}`, headers: {}, value: Buffer.alloc(4_096), timeMs: Date.now() };
      });
      await mesh.runtime.events.publish(many);
      readCount = 0;
      const records = bridge
        .subscribe({ topic, from: { $case: 'start', value: Start.START_BEGINNING } })
        [Symbol.asyncIterator]();
      await records.next();
      for (let call = 0; call < 200; call++) await bridge.listTopics({});
      expect(readCount).toBeLessThan(many.length / 4);
      for (let left = many.length - 1; left > 0; left--) await records.next();
      expect(readCount).toBe(many.length);
      await records.return?.();
    });
  });
});
