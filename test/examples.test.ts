import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnEachDatabase } from '../mesh/testing/databases.ts';
import { eventually } from '../mesh/testing/eventually.ts';
import { describeWithServer } from '../mesh/testing/servers.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { allServices } from './support/all-services.ts';
import { kcat, readWithKcat } from './support/kcat.ts';
import { describeWithRealServers, type RealServers, startRealServers } from './support/real-servers.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from './support/shop.ts';
import { type ProcessOptions, type SpawnedProcess, spawnProcess } from './support/start-process.ts';

/** Runs an example that has to succeed, and resolves with what it printed. */
async function printedBy(options: ProcessOptions): Promise<string> {
  await using example = spawnProcess(options);
  expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null });
  return example.stdout();
}

describe('a program with an event store of its own', () => {
  const main = 'examples/event-store.ts';

  describeOnEachDatabase((newUrl) => {
    it('adds a balance up from events, refuses who has not seen the last one, and goes on when it runs again', async () => {
      const environment = { DATABASE_URL: newUrl() };
      const printed = await printedBy({ main, dataDir: '', environment });
      expect(printed).toContain(
        'event 2: MONEY_DEPOSITED {"accountId":"acc1","amount":"5000","previousBalance":"10000"',
      );
      expect(printed).toContain('refused with STREAM_CONFLICT: the stream account-acc1 is at version 3, not 2');
      expect(printed.match(/(?<=^balance of acc1: )\d+/gm)).toEqual(['15000', '15300']);
      const again = await printedBy({ main, dataDir: '', environment });
      expect(again.match(/(?<=^balance of acc1: )\d+/gm)).toEqual(['30300', '30600']);
    });
  });

  it('leaves nothing behind when no database is named', async () => {
    await using folder = await tempFolder();
    expect(await printedBy({ main, dataDir: folder.path })).toContain('balance of acc1: 15300');
    expect(await readdir(folder.path)).toEqual([]);
  });
});

describe('a program that asks a mesh for the history of an account', () => {
  it('adds its events up to its balance, and is told its past and its statement', async () => {
    const mesh = await startMesh(allServices);
    try {
      const environment = { ADDRESS: mesh.address };
      const printed = await printedBy({ main: 'examples/account-history.ts', dataDir: '', environment });
      expect(printed).toContain('event 3: MONEY_WITHDRAWN EUR 40.00, then it has EUR 110.00');
      expect(printed).toContain('its events add up to 11000, GetBalance says 11000');
      expect(printed).toContain('at version 1 it had EUR 0.00');
      expect(printed).toMatch(/^at \S+Z it had EUR 150\.00$/m);
      expect(printed).toContain('closed with EUR 110.00, after 3 events');
    } finally {
      await mesh.stop();
    }
  });
});

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

  function optionsOf(name: string, ...args: string[]): ProcessOptions {
    const environment = {
      KAFKA_BROKER: servers.kafka.brokers,
      RABBITMQ_URL: servers.rabbitmq.url,
      GROUP_ID: `readers-${randomUUID()}`,
    };
    return { main: `examples/${name}.ts`, args, dataDir: mesh.dataDir, environment };
  }

  function runExample(name: string): SpawnedProcess {
    return spawnProcess(optionsOf(name));
  }

  function runToEnd(name: string, ...args: string[]): Promise<string> {
    return printedBy(optionsOf(name, ...args));
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
