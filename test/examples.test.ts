import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../mesh/testing/eventually.ts';
import { describeWithServer } from '../mesh/testing/servers.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { allServices } from './support/all-services.ts';
import { kcat, readWithKcat } from './support/kcat.ts';
import { describeWithRealServers, type RealServers, startRealServers } from './support/real-servers.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from './support/shop.ts';
import { type SpawnedProcess, spawnProcess } from './support/start-process.ts';

describeWithRealServers('programs that know nothing of ordermesh but a topic or a queue', () => {
  let servers: RealServers;
  let mesh: TestMesh;
  let shop: Shop;

  beforeAll(async () => {
    servers = await startRealServers();
    mesh = await startMesh(allServices, servers.settings());
    shop = shopOf(mesh.runtime);
    await fillShop(shop);
  }, 120_000);
  afterAll(async () => {
    await mesh?.stop();
    await servers?.[Symbol.asyncDispose]();
  });

  function runExample(name: string, ...args: string[]): SpawnedProcess {
    const environment = {
      KAFKA_BROKER: servers.kafka.brokers,
      RABBITMQ_URL: servers.rabbitmq.url,
      GROUP_ID: `readers-${randomUUID()}`,
    };
    return spawnProcess({ main: `examples/${name}.ts`, args, dataDir: mesh.dataDir, environment });
  }

  async function runToEnd(name: string, ...args: string[]): Promise<string> {
    await using example = runExample(name, ...args);
    expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null });
    return example.stdout();
  }

  async function placeOrder(): Promise<string> {
    return (await shop.orders.placeOrder(bookOrder({ quantity: 1 }))).id;
  }

  /** The mails that were sent, as text. */
  async function mails(): Promise<string[]> {
    const folder = join(mesh.dataDir, 'mail');
    const names = (await readdir(folder)).filter((name) => name.endsWith('.eml'));
    return Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  }

  it('publish an event to Kafka, and our notification service mails the user', async () => {
    const printed = await runToEnd('kafka-producer', 'ada');
    const orderId = /ORDER_PLACED of (\S+)/.exec(printed)?.[1] ?? '';
    await eventually(async () => {
      const told = await Array.fromAsync(shop.notifications.listNotifications({ orderId }));
      expect(told).toMatchObject([{ template: 'order-placed', to: 'ada@example.com' }]);
      expect((await mails()).filter((mail) => mail.includes(orderId))).toHaveLength(1);
    });
  });

  it('read from Kafka what our order service publishes', async () => {
    await using consumer = runExample('kafka-consumer');
    const placed: string[] = [];
    // It starts at the end of the topic, which is wherever that is once it has joined.
    await expect
      .poll(
        async () => {
          placed.push(await placeOrder());
          return placed.some((id) => consumer.stdout().includes(`a mail to ada: we have your order ${id}`));
        },
        { timeout: 20_000, interval: 500 },
      )
      .toBe(true);
    consumer.child.kill('SIGTERM');
    expect(await consumer.ended).toEqual({ code: 0, signal: null });
  });

  it('queue a mail at RabbitMQ, and our worker sends it', async () => {
    const to = `user-${randomUUID()}@example.com`;
    await runToEnd('rabbitmq-publisher', to);
    await eventually(async () => {
      expect((await mails()).filter((mail) => mail.includes(`To: ${to}\r\n`))).toHaveLength(1);
    });
  });

  it('take their share of our mail jobs from RabbitMQ, and what they reject is a dead letter', async () => {
    await using worker = runExample('rabbitmq-worker');
    await expect.poll(() => worker.stdout(), { timeout: 10_000 }).toContain('waiting for jobs');
    await expect
      .poll(
        async () => {
          await placeOrder();
          return worker.stdout();
        },
        { timeout: 20_000, interval: 300 },
      )
      .toMatch(/^sent order-\w+ to ada@example\.com$/m);

    const id = randomUUID();
    await expect
      .poll(
        async () => {
          await mesh.runtime.tasks.enqueue('email-jobs', [
            { id: randomUUID(), payload: Buffer.from('{}'), headers: { id } },
          ]);
          const dead = await Array.fromAsync(shop.deadLetters.listDeadLetters({}));
          return dead.filter(({ headers }) => headers.id === id).map(({ reason }) => reason);
        },
        { timeout: 20_000, interval: 300 },
      )
      .toContain('TASK_REJECTED');
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  describeWithServer(kcat, 'kcat', () => {
    it('reads our topics: the key, and JSON with the type', async () => {
      const id = await placeOrder();
      await watchToEnd(shop.orders, id);
      await eventually(async () => {
        const lines = (await readWithKcat(servers.kafka.brokers, 'order.events')).filter((line) => line.startsWith(id));
        const events = lines.map((line) => JSON.parse(line.slice(id.length)));
        expect(events.map(({ type }) => type)).toEqual([
          'ORDER_PLACED',
          'ORDER_RESERVED',
          'ORDER_PAID',
          'ORDER_SHIPPED',
          'ORDER_COMPLETED',
        ]);
        expect(events[0]).toMatchObject({ orderId: id, userId: 'ada' });
      });
    });
  });
});
