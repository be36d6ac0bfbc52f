import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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
import { type ConsumerGroup, consumerGroup } from './support/consumer-group.ts';
import { type ExampleProgram, startProgram } from './support/example-program.ts';

const topic = 'order.events';

describeWithServer(orderEventsGo, 'the consumer in Go', () => {
  describeWithServer(kafka, 'of order.events on Kafka', () => {
    const stack = new AsyncDisposableStack();
    let server: KafkaServer;
    let folder: TempFolder;
    let shop: Shop;
    let group: ConsumerGroup;
    let consumer: ExampleProgram;
    let other: ExampleProgram;
    const orders: Order[] = [];
    /** Events that are no orders. */
    let unreadable = 0;

    beforeAll(async () => {
      folder = stack.use(await tempFolder());
      server = await startKafka();
      stack.defer(() => server.stop());
      group = consumerGroup(server.brokers, 'order-events-go', topic);
      const mesh: TestMesh = await startMesh(allServices, { EVENTS_URL: `kafka://${server.brokers}` });
      stack.defer(() => mesh.stop());
      shop = shopOf(mesh.runtime);
      await fillShop(shop);
      consumer = await startConsumer('-instance', '1');
    });
    afterAll(() => stack.disposeAsync());

    /** Starts a member of the group. All share a database, unless another one is in the options. */
    async function startConsumer(...options: string[]): Promise<ExampleProgram> {
      const shared = ['-brokers', server.brokers, '-database', join(folder.path, 'spending.db')];
      return stack.use(await startProgram({ command: [orderEventsGo.path, ...shared, ...options] }));
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

    /** The offsets that the group has committed are the ends of the partitions. */
    async function expectAllRead(): Promise<void> {
      const ends = await group.ends();
      expect(ends.size).toBeGreaterThan(1);
      expect(await group.committed()).toEqual(new Map([...(await group.committed()), ...ends]));
    }

    /** The number of events, each once. */
    function published(): number {
      return orders.reduce((sum, { etag }) => sum + Number(etag), unreadable);
    }

    function handled(): number {
      return Number((query('SELECT COUNT(*) FROM handled_events')[0] as unknown[])[0]);
    }

    /** Waits until everything was read, and checks that it took effect once. */
    async function expectAllOnce(): Promise<void> {
      const check = async () => {
        await expectAllRead();
        expectEachOnce();
        expect(handled()).toBe(published());
      };
      await eventually(check, { timeoutMs: 30_000, intervalMs: 200 });
    }

    it('counts what a user spends, from orders that are completed', async () => {
      await placeToEnd({ quantity: 2 });
      await placeToEnd({ countryCode: 'AQ' });
      await eventually(expectEachOnce, { timeoutMs: 20_000 });
    });

    it('counts each event once although all are delivered twice and it is killed again and again', {
      timeout: 90_000,
    }, async () => {
      const client = createKafka(server.brokers.split(','), createLogger('silent'));
      const [reader, producer] = [client.consumer({ groupId: 'repeater' }), client.producer()];
      await Promise.all([reader.connect(), producer.connect()]);
      /** Where each event is first. */
      const places = new Map<unknown, { readonly partition: number; readonly offset: number }>();
      let repeated = 0;
      await reader.subscribe({ topic, fromBeginning: true });
      await reader.run({
        eachMessage: async ({ message: { key, value, headers = {}, offset }, partition }) => {
          const id = `${headers.ce_source} ${headers.ce_id}`;
          if (places.has(id)) return;
          places.set(id, { partition, offset: Number(offset) });
          await producer.send({ topic, messages: [{ key, value, headers, partition }] });
          repeated += 1;
        },
      });
      await consumer.kill9();
      const before = handled();
      const placing = Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          placeToEnd({ quantity: 1, countryCode: index % 5 === 0 ? 'AQ' : 'DE' }),
        ),
      );
      await eventually(() => expect(repeated).toBeGreaterThan(before + 30), { timeoutMs: 30_000 });
      let deliveredAgain = 0;
      for (let killed = 0; killed < 4; killed += 1) {
        const done = handled();
        await consumer.start();
        // It has many events to handle before it commits their offsets.
        await eventually(() => expect(handled()).toBeGreaterThan(done), { timeoutMs: 20_000, intervalMs: 1 });
        await consumer.kill9();
        const committed = await group.committed();
        const effects = query("SELECT source || ' ' || id FROM handled_events").map((row) => (row as string[])[0]);
        deliveredAgain += effects.filter((id) => {
          const { partition, offset } = places.get(id) ?? { partition: 0, offset: -1 };
          return offset >= (committed.get(partition) ?? 0);
        }).length;
      }
      expect(deliveredAgain).toBeGreaterThan(0);
      await consumer.start();
      await placing;
      await eventually(() => expect(repeated).toBe(published()), { timeoutMs: 30_000 });
      await Promise.all([reader.disconnect(), producer.disconnect()]);
      await expectAllOnce();
    });

    it('keeps an event that it cannot read, and logs it once it is kept', { timeout: 60_000 }, async () => {
      using database = new DatabaseSync(join(folder.path, 'spending.db'));
      database.exec('ALTER TABLE unreadable_events RENAME TO missing');
      const producer = createKafka(server.brokers.split(','), createLogger('silent')).producer();
      await producer.connect();
      const headers = { ce_source: 'test', ce_id: 'broken' };
      await producer.send({ topic, messages: [{ key: 'x', value: '{', headers, partition: 0 }] });
      await producer.disconnect();
      unreadable += 1;
      await eventually(() => expect(consumer.output()).toContain('no such table: unreadable_events'));
      const log = 'event broken of test is in unreadable_events';
      expect(consumer.output()).not.toContain(log);

      database.exec('ALTER TABLE missing RENAME TO unreadable_events');
      await placeToEnd();
      await expectAllOnce();
      expect(query('SELECT source, id FROM unreadable_events')).toEqual([['test', 'broken']]);
      expect(consumer.output().split(log)).toHaveLength(2);
    });

    it('waits while its database is locked, and lets another member join', { timeout: 60_000 }, async () => {
      using lock = new DatabaseSync(join(folder.path, 'spending.db'));
      lock.exec('BEGIN IMMEDIATE');
      const before = published();
      await placeToEnd();
      const failures = (program: ExampleProgram) => program.output().match(/database failed, waiting for it: .*/g);
      const isLocked = expect.stringContaining('database is locked');
      await eventually(() => expect(failures(consumer)?.at(-1)).toEqual(isLocked));
      const count = failures(consumer)?.length;
      other = await startConsumer();
      await eventually(async () => expect(await group.sharing()).toBe(2), { timeoutMs: 30_000, intervalMs: 200 });
      await Promise.all([placeToEnd(), placeToEnd({ countryCode: 'AQ' }), placeToEnd()]);
      expect(handled()).toBe(before);
      lock.exec('ROLLBACK');
      await expectAllOnce();
      expect(failures(consumer)).toHaveLength(count ?? 0);
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
      expect(await group.sharing()).toBe(1);

      const more = place(10);
      await other.start();
      await eventually(async () => expect(await group.sharing()).toBe(2), { timeoutMs: 30_000, intervalMs: 200 });
      await Promise.all([more, place(5)]);
      await expectAllOnce();
      expect(await other.stop()).toEqual({ code: 0, signal: null });
    });

    it('exits if another process takes its name', { timeout: 60_000 }, async () => {
      const second = await startConsumer('-instance', '1');
      const text = 'another process runs as -instance 1 of group order-events-go: start each under its own name';
      await eventually(() => expect(consumer.output()).toContain(text), { timeoutMs: 30_000 });
      await placeToEnd();
      await expectAllOnce();
      expect(await consumer.stop()).toEqual({ code: 1, signal: null });
      expect(await second.stop()).toEqual({ code: 0, signal: null });
    });

    it.each([
      ['its database cannot be opened', ['-database', '/nonexistent/s.db'], 'cannot open /nonexistent/s.db: '],
      ['Kafka cannot be reached', ['-brokers', '127.0.0.1:1'], 'cannot reach Kafka at 127.0.0.1:1: '],
    ])('does not start if %s', async (_, options, reason) => {
      await expect(startConsumer(...options)).rejects.toThrow(reason);
    });
  });
});
