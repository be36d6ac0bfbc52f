import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { eventually, startMesh, type TempFolder, type TestMesh, tempFolder } from '#mesh/testing';
import { createKafka } from '../../mesh/events/kafka/client/kafkajs.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { orderEventsGo } from '../../mesh/testing/servers/go-tools.ts';
import { type KafkaServer, kafka, startKafka } from '../../mesh/testing/servers/kafka-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { allServices } from '../../services/all.ts';
import { bookOrder, fillShop, type Shop, shopOf, stocked, watchToEnd } from '../support/shop.ts';
import { type ExampleProgram, startProgram } from './support/example-program.ts';

const topic = 'order.events';
const groupId = 'order-events-go';

describeWithServer(orderEventsGo, 'the consumer in Go', () => {
  describeWithServer(kafka, 'of order.events on Kafka', () => {
    let server: KafkaServer;
    let folder: TempFolder;
    let mesh: TestMesh;
    let shop: Shop;
    let consumer: ExampleProgram;
    let other: ExampleProgram;
    const orders: Order[] = [];

    beforeAll(async () => {
      [server, folder] = await Promise.all([startKafka(), tempFolder()]);
      mesh = await startMesh(allServices, { EVENTS_URL: `kafka://${server.brokers}` });
      shop = shopOf(mesh.runtime);
      await fillShop(shop);
      consumer = await startConsumer('1');
    });
    afterAll(async () => {
      await consumer[Symbol.asyncDispose]();
      await other?.[Symbol.asyncDispose]();
      await mesh.stop();
      await server.stop();
      await folder[Symbol.asyncDispose]();
    });

    /** Starts a member of the group. All share a database. */
    function startConsumer(instance: string): Promise<ExampleProgram> {
      const options = ['-brokers', server.brokers, '-database', join(folder.path, 'spending.db')];
      return startProgram({ command: [orderEventsGo.path, ...options, '-instance', instance] });
    }

    async function placeToEnd(order?: Parameters<typeof bookOrder>[0]): Promise<void> {
      const { id } = await shop.orders.placeOrder(bookOrder(order));
      orders.push((await watchToEnd(shop.orders, id)).at(-1) as Order);
    }

    function query(sql: string): unknown[] {
      using database = new DatabaseSync(join(folder.path, 'spending.db'), { readOnly: true });
      return database
        .prepare(sql)
        .all()
        .map((row) => Object.values(row));
    }

    /** Each order's events once and in order, and what completed orders cost once. */
    function expectEachOnce(): void {
      const history = Map.groupBy(
        query('SELECT order_id, version FROM order_history ORDER BY position') as [string, number][],
        ([id]) => id,
      );
      const versions = orders.map(({ id, etag }) => [
        id,
        Array.from({ length: Number(etag) }, (_, index) => index + 1),
      ]);
      expect(Object.fromEntries([...history].map(([id, rows]) => [id, rows.map(([, version]) => version)]))).toEqual(
        Object.fromEntries(versions),
      );
      const completed = orders.filter(({ state }) => state === OrderState.ORDER_STATE_COMPLETED);
      const books = completed.flatMap(({ items }) => items).reduce((sum, { quantity }) => sum + quantity, 0);
      expect(query('SELECT * FROM spending')).toEqual([
        ['ada', 'EUR', completed.length, books * Number(stocked.price)],
      ]);
    }

    async function withAdmin<T>(
      run: (admin: ReturnType<ReturnType<typeof createKafka>['admin']>) => Promise<T>,
    ): Promise<T> {
      const admin = createKafka(server.brokers.split(','), createLogger('silent')).admin();
      await admin.connect();
      try {
        return await run(admin);
      } finally {
        await admin.disconnect();
      }
    }

    /** The offsets that the consumer has committed are the ends of the partitions. */
    function expectAllRead(): Promise<void> {
      return withAdmin(async (admin) => {
        const [group] = await admin.fetchOffsets({ groupId, topics: [topic] });
        const committed = new Map(group?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
        const ends = (await admin.fetchTopicOffsets(topic)).filter(({ high }) => high !== '0');
        expect(ends.length).toBeGreaterThan(1);
        for (const { partition, high } of ends) expect(committed.get(partition)).toBe(Number(high));
      });
    }

    /** The number of members that have partitions. Their assignments begin with a version and the number of topics. */
    function sharing(): Promise<number> {
      return withAdmin(async (admin) => {
        const { groups } = await admin.describeGroups([groupId]);
        const assignments = groups[0]?.members.map(({ memberAssignment }) => memberAssignment) ?? [];
        return assignments.filter((bytes) => bytes.length > 0 && bytes.readInt32BE(2) > 0).length;
      });
    }

    /** The number of events of all orders. */
    function published(): number {
      return orders.reduce((sum, { etag }) => sum + Number(etag), 0);
    }

    /** Waits until everything was read, and checks that it took effect once. */
    async function expectAllOnce(): Promise<void> {
      const check = async () => {
        await expectAllRead();
        expectEachOnce();
        expect(query('SELECT COUNT(*) FROM handled_events')).toEqual([[published()]]);
      };
      await eventually(check, { timeoutMs: 30_000, intervalMs: 200 });
    }

    it('counts what a user spends, from orders that are completed', async () => {
      await placeToEnd({ quantity: 2 });
      await placeToEnd({ countryCode: 'AQ' });
      await eventually(expectEachOnce);
    });

    it('counts each event once although all are delivered twice and it is killed again and again', {
      timeout: 90_000,
    }, async () => {
      const client = createKafka(server.brokers.split(','), createLogger('silent'));
      const [reader, producer] = [client.consumer({ groupId: 'repeater' }), client.producer()];
      await Promise.all([reader.connect(), producer.connect()]);
      const seen = new Set<string>();
      let repeated = 0;
      await reader.subscribe({ topic, fromBeginning: true });
      await reader.run({
        eachMessage: async ({ message: { key, value, headers = {} }, partition }) => {
          const id = `${headers.ce_source} ${headers.ce_id}`;
          if (seen.has(id)) return;
          seen.add(id);
          await producer.send({ topic, messages: [{ key, value, headers, partition }] });
          repeated += 1;
        },
      });
      const placing = Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          placeToEnd({ quantity: 1, countryCode: index % 5 === 0 ? 'AQ' : 'DE' }),
        ),
      );
      for (const pauseMs of [100, 400, 700, 1_000]) {
        await setTimeout(pauseMs);
        await consumer.kill9();
        await consumer.start();
      }
      await placing;
      await eventually(() => expect(repeated).toBe(published()), { timeoutMs: 30_000 });
      await Promise.all([reader.disconnect(), producer.disconnect()]);
      await expectAllOnce();
    });

    it('waits while its database is locked, and lets another member join', { timeout: 60_000 }, async () => {
      using lock = new DatabaseSync(join(folder.path, 'spending.db'));
      lock.exec('BEGIN IMMEDIATE');
      const before = published();
      await placeToEnd();
      const failures = (program: ExampleProgram) => program.output().match(/database failed, waiting for it: .*/g);
      await eventually(() => expect(failures(consumer)).toEqual([expect.stringContaining('database is locked')]));
      other = await startConsumer('2');
      await eventually(async () => expect(await sharing()).toBe(2), { timeoutMs: 30_000, intervalMs: 200 });
      await Promise.all([placeToEnd(), placeToEnd({ countryCode: 'AQ' }), placeToEnd()]);
      expect(query('SELECT COUNT(*) FROM handled_events')).toEqual([[before]]);
      lock.exec('ROLLBACK');
      await expectAllOnce();
      expect(failures(consumer)).toHaveLength(1);
      expect(consumer.output()).toMatch(/database works again, after \d/);
    });

    it('counts each event once while partitions move between two members', { timeout: 90_000 }, async () => {
      const place = (count: number) => Promise.all(Array.from({ length: count }, () => placeToEnd({ quantity: 1 })));
      const placing = place(10);
      await eventually(() => expect(orders.length).toBeGreaterThan(0));
      await other.kill9();
      await Promise.all([placing, place(5)]);
      // The partitions of the killed member go to the first one.
      await expectAllOnce();
      expect(await sharing()).toBe(1);

      const more = place(10);
      await other.start();
      await eventually(async () => expect(await sharing()).toBe(2), { timeoutMs: 30_000, intervalMs: 200 });
      await Promise.all([more, place(5)]);
      await expectAllOnce();
      expect(await consumer.stop()).toEqual({ code: 0, signal: null });
      expect(await other.stop()).toEqual({ code: 0, signal: null });
    });
  });
});
