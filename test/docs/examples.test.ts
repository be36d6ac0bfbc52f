import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../mesh/testing/databases.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import type { SpawnedProcess } from '../../mesh/testing/servers/spawn-command.ts';
import { type ProcessOptions, spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { allServices } from '../../services/all.ts';
import { kcat, readWithKcat } from '../support/kcat.ts';
import { readMails } from '../support/mails.ts';
import { describeWithRealServers, type RealServers, startRealServers } from '../support/real-servers.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from '../support/shop.ts';

/** Runs an example that must succeed, and returns its output. */
async function outputOf(options: ProcessOptions): Promise<string> {
  await using example = spawnProcess(options);
  expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null });
  return example.stdout();
}

describe('examples/event-store.ts', () => {
  const main = 'examples/event-store.ts';

  describeOnEachDatabase((newUrl) => {
    it('computes the balance from events, refuses a stale writer, and resumes on the next run', async () => {
      const environment = { DATABASE_URL: newUrl() };
      const output = await outputOf({ main, dataDir: '', environment });
      expect(output).toContain(
        'event 2: MONEY_DEPOSITED {"accountId":"acc1","amount":"5000","previousBalance":"10000"',
      );
      expect(output).toContain('refused with STREAM_CONFLICT: stream account-acc1 is at version 3, not 2');
      expect(output.match(/(?<=^balance of acc1: )\d+/gm)).toEqual(['15000', '15300']);
      const again = await outputOf({ main, dataDir: '', environment });
      expect(again.match(/(?<=^balance of acc1: )\d+/gm)).toEqual(['30300', '30600']);
    });
  });

  it('removes its data if no database is given', async () => {
    await using folder = await tempFolder();
    expect(await outputOf({ main, dataDir: folder.path })).toContain('balance of acc1: 15300');
    expect(await readdir(folder.path)).toEqual([]);
  });
});

describe('examples/account-history.ts', () => {
  it('prints the events, the current and past balances, and a statement', async () => {
    const mesh = await startMesh(allServices);
    try {
      const environment = { ADDRESS: mesh.address };
      const output = await outputOf({ main: 'examples/account-history.ts', dataDir: '', environment });
      expect(output).toContain('event 3: MONEY_WITHDRAWN EUR 40.00, balance EUR 110.00');
      expect(output).toContain('sum of its events 11000, GetBalance returns 11000');
      expect(output).toContain('balance at version 1: EUR 0.00');
      expect(output).toMatch(/^balance at \S+Z: EUR 150\.00$/m);
      expect(output).toContain('closing balance  EUR 110.00, 3 events');
    } finally {
      await mesh.stop();
    }
  });
});

describeWithRealServers('programs that know only a topic or a queue', () => {
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
    return outputOf(optionsOf(name, ...args));
  }

  async function placeOrder(): Promise<string> {
    return (await shop.orders.placeOrder(bookOrder({ quantity: 1 }))).id;
  }

  /** Reads all mails that were sent. */
  const mails = () => readMails(join(mesh.dataDir, 'mail')).map(({ text }) => text);

  it('publish an event to Kafka for which our notification service mails the user', async () => {
    const output = await runToEnd('kafka-producer', 'ada');
    const orderId = /ORDER_PLACED of (\S+)/.exec(output)?.[1] ?? '';
    await eventually(async () => {
      const notifications = await Array.fromAsync(shop.notifications.listNotifications({ orderId }));
      expect(notifications).toMatchObject([{ template: 'order-placed', to: 'ada@example.com' }]);
      expect(mails().filter((mail) => mail.includes(orderId))).toHaveLength(1);
    });
  });

  it('publish an event to Kafka that our report service counts as incomplete, without a dead letter', async () => {
    const skipped = async () => {
      const { text } = await mesh.runtime.metrics.scrape();
      // There is no series before the first one.
      return Number(
        /^ordermesh_events_skipped_total\{group="report-service",.*reason="incomplete"\} (\d+)$/m.exec(text)?.[1] ?? 0,
      );
    };
    const before = await skipped();
    await runToEnd('kafka-producer', 'ada');
    await eventually(async () => expect(await skipped()).toBeGreaterThan(before));
    expect(await Array.fromAsync(shop.deadLetters.listDeadLetters({}))).toEqual([]);
  });

  it('consume the events of our order service from Kafka', async () => {
    await using consumer = runExample('kafka-consumer');
    const placed: string[] = [];
    // It starts at the end of the topic as of the moment it joins, so keep placing orders.
    await eventually(
      async () => {
        placed.push(await placeOrder());
        const mailed = placed.some((id) => consumer.stdout().includes(`mail to ada: we received your order ${id}`));
        expect(mailed, consumer.stdout()).toBe(true);
      },
      { timeoutMs: 20_000, intervalMs: 500 },
    );
    consumer.child.kill('SIGTERM');
    expect(await consumer.ended).toEqual({ code: 0, signal: null });
  });

  it('queue a mail in RabbitMQ that our worker sends', async () => {
    const to = `user-${randomUUID()}@example.com`;
    await runToEnd('rabbitmq-publisher', to);
    await eventually(() => {
      expect(mails().filter((mail) => mail.includes(`To: ${to}\n`))).toHaveLength(1);
    });
  });

  it('share our mail jobs from RabbitMQ, and the jobs they reject become dead letters', async () => {
    await using worker = runExample('rabbitmq-worker');
    await eventually(() => expect(worker.stdout()).toContain('waiting for jobs'));
    await eventually(
      async () => {
        await placeOrder();
        expect(worker.stdout()).toMatch(/^sent order-\w+ to ada@example\.com$/m);
      },
      { timeoutMs: 20_000, intervalMs: 300 },
    );

    const id = randomUUID();
    await eventually(
      async () => {
        const job = { id: randomUUID(), payload: Buffer.from('{}'), headers: { id } };
        await mesh.runtime.tasks.enqueue('email-jobs', [job]);
        const dead = await Array.fromAsync(shop.deadLetters.listDeadLetters({}));
        const reasons = dead.filter(({ headers }) => headers.id === id).map(({ reason }) => reason);
        expect(reasons).toContain('TASK_REJECTED');
      },
      { timeoutMs: 20_000, intervalMs: 300 },
    );
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
  });

  it('end the worker with one line if the broker goes away while it waits', async () => {
    const proxy = await startFaultProxy(servers.rabbitmq.port);
    const url = `amqp://127.0.0.1:${proxy.port}`;
    await using worker = spawnProcess({
      main: 'examples/rabbitmq-worker.ts',
      dataDir: '',
      environment: { RABBITMQ_URL: url },
    });
    await eventually(() => expect(worker.stdout()).toContain('waiting for jobs'));
    await proxy.close();
    expect(await worker.ended).toEqual({ code: 3, signal: null });
    expect(worker.stderr()).toMatch(
      new RegExp(`^the broker at ${url} cannot be reached \\(.*\\): start it, or set RABBITMQ_URL\n$`),
    );
  });

  describeWithServer(kcat, 'kcat', () => {
    it('reads keys and JSON from our topics', async () => {
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
