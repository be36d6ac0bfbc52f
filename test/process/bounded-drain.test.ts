import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NotificationState } from '#gen/notification/v1/notification.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { kafka, startKafka } from '../../mesh/testing/servers/kafka-server.ts';
import { postgres, startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { rabbitmq, startRabbitmq } from '../../mesh/testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';

const drainMs = 500;
/** Maximum duration of a drain: its timeout, the documented 3 s, and a margin for a busy machine. */
const allowedMs = drainMs + 3_000 + 4_000;

describe('a process in which something does not stop', () => {
  let folder: TempFolder;
  let silent: Server;
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    folder = await tempFolder();
    silent = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    await folder[Symbol.asyncDispose]();
  });

  const start = (program: string, environment: Record<string, string> = {}) => {
    const [main = '', ...args] = program.split(' ');
    return startProcess({
      dataDir: `${folder.path}/data`,
      main,
      args,
      environment: { DRAIN_TIMEOUT_MS: `${drainMs}`, LOG_LEVEL: 'info', ...environment },
    });
  };

  async function stop(mesh: StartedProcess) {
    const startMs = performance.now();
    const ending = await mesh.stop();
    expect(performance.now() - startMs).toBeLessThan(allowedMs);
    return ending;
  }

  it('exits in time with code 1, and names in the log what did not stop', async () => {
    await using mesh = await start('test/process/support/hanging-main.ts');
    expect(await stop(mesh)).toEqual({ code: 1, signal: null });
    // A second, and the half of the drain that was left.
    expect(mesh.stderr()).toMatch(
      /"level":"error",.*"part":"stubborn","waited_ms":1[0-2]\d\d,"msg":"part did not end in time/,
    );
    expect(mesh.stderr()).toContain('"cut_off":["stubborn"]');
  });

  it('causes a warning at the next start, and none at the start after that', async () => {
    await using mesh = await start('test/process/support/hanging-main.ts');
    await stop(mesh);
    await using next = await start('services/main.ts user');
    expect(next.stderr()).toContain('the previous run did not shut down cleanly');
    expect(await next.stop()).toEqual({ code: 0, signal: null });
    await using last = await start('services/main.ts user');
    expect(last.stderr()).not.toContain('the previous run did not shut down cleanly');
  });

  it('exits in time if brokers accept connections but never respond, and keeps what it accepted', {
    timeout: 90_000,
  }, async () => {
    const { port } = silent.address() as AddressInfo;
    const brokers = { TASKS_URL: `amqp://127.0.0.1:${port}`, EVENTS_URL: `kafka://127.0.0.1:${port}` };
    await using mesh = await start('services/main.ts', brokers);
    const shop = shopOf(mesh);
    await fillShop(shop);
    const { id } = await shop.orders.placeOrder(bookOrder());
    await stop(mesh);

    await using next = await start('services/main.ts');
    const orders = shopOf(next).orders;
    expect((await watchToEnd(orders, id)).at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);
  });

  describeWithServer(rabbitmq, 'a process whose RabbitMQ hangs', () => {
    it('exits in time, and the next start sends the mail', { timeout: 90_000 }, async () => {
      const broker = await startRabbitmq();
      await using proxy = await startFaultProxy(broker.port);
      await using mesh = await start('services/main.ts', { TASKS_URL: `amqp://127.0.0.1:${proxy.port}` });
      const shop = shopOf(mesh);
      await fillShop(shop);
      proxy.blackHole();
      const { id } = await shop.orders.placeOrder(bookOrder());
      await watchToEnd(shop.orders, id);
      await stop(mesh);

      await using next = await start('services/main.ts', { TASKS_URL: broker.url });
      const { notifications } = shopOf(next);
      const mails = async () =>
        (await Array.fromAsync(notifications.listNotifications({ orderId: id }))).map(({ state }) => state);
      const sent = NotificationState.NOTIFICATION_STATE_SENT;
      await eventually(async () => expect(await mails()).toEqual([sent, sent]), { timeoutMs: 30_000 });
      await broker.stop();
    });
  });

  describeWithServer(postgres, 'a process whose PostgreSQL hangs', () => {
    it('exits in time, and the next start finishes the order', { timeout: 90_000 }, async () => {
      const server = await startPostgres();
      await using proxy = await startFaultProxy(server.port);
      const DATABASE_URL = server.url('<service>');
      const frozen = DATABASE_URL.replace(`:${server.port}`, `:${proxy.port}`);
      await using mesh = await start('services/main.ts', { DATABASE_URL: frozen });
      const shop = shopOf(mesh);
      await fillShop(shop);
      const { id } = await shop.orders.placeOrder(bookOrder());
      proxy.blackHole();
      expect((await stop(mesh)).code).toBe(1);

      await using next = await start('services/main.ts', { DATABASE_URL });
      expect((await watchToEnd(shopOf(next).orders, id)).at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);
      await next.stop();
      await server.stop();
    });
  });

  describeWithServer(kafka, 'a process whose Kafka hangs', () => {
    it('exits in time, and the next start publishes the events that were held back', { timeout: 120_000 }, async () => {
      const [port, brokerPort] = [await freePort(), await freePort()];
      await using proxy = await startFaultProxy(brokerPort, { port });
      const server = await startKafka({ proxy: { port, brokerPort } });
      await using mesh = await start('services/main.ts', { EVENTS_URL: `kafka://127.0.0.1:${port}` });
      const shop = shopOf(mesh);
      await fillShop(shop);
      proxy.blackHole();
      const { id } = await shop.orders.placeOrder(bookOrder());
      await watchToEnd(shop.orders, id);
      await stop(mesh);
      proxy.heal();

      await using next = await start('services/main.ts', { EVENTS_URL: `kafka://127.0.0.1:${port}` });
      const { notifications } = shopOf(next);
      const mailCount = async () => (await Array.fromAsync(notifications.listNotifications({ orderId: id }))).length;
      await eventually(async () => expect(await mailCount()).toBe(2), { timeoutMs: 60_000 });
      await next.stop();
      await server.stop();
    });
  });
});
