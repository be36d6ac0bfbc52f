import { createChannel, createClient } from 'nice-grpc';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { HealthDefinition, HealthCheckResponse_ServingStatus as ServingStatus } from '#gen/grpc/health/v1/health.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type RabbitmqServer, rabbitmq, startRabbitmq } from '../../mesh/testing/servers/rabbitmq-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { healthProblems, notServing } from '../support/health-of.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';

const patient = { timeoutMs: 20_000 };
const degraded = ['notification.v1.NotificationService', 'ordermesh.tasks'];

describeWithServer(rabbitmq, 'a mesh whose RabbitMQ is unavailable', () => {
  let broker: RabbitmqServer;
  let mesh: TestMesh | undefined;

  beforeAll(async () => {
    broker = await startRabbitmq();
  }, 60_000);
  afterEach(() => mesh?.stop());
  afterAll(() => broker.stop());

  async function start(url: string): Promise<TestMesh> {
    mesh = await startMesh(allServices, { TASKS_URL: url });
    return mesh;
  }

  it('accepts orders and reports what is degraded if the password is refused', async () => {
    const { runtime, address } = await start(broker.url.replace('amqp://', 'amqp://guest:wrong@'));
    expect(await notServing(address)).toEqual(degraded);
    const shop = shopOf(runtime);
    await fillShop(shop);
    const { id } = await shop.orders.placeOrder(bookOrder());
    expect((await watchToEnd(shop.orders, id)).at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);
    const problem = ['ordermesh.tasks: TASKS_MISCONFIGURED'];
    expect(await healthProblems(runtime)).toEqual(Object.fromEntries(degraded.map((name) => [name, problem])));
  });

  it('reports to health watchers when RabbitMQ fails and when it returns', { timeout: 60_000 }, async () => {
    const { address } = await start(broker.url);
    expect(await notServing(address)).toEqual([]);
    const channel = createChannel(address);
    const health = createClient(HealthDefinition, channel);
    const seen: ServingStatus[] = [];
    const ending = new AbortController();
    const watching = (async () => {
      const { signal } = ending;
      for await (const { status } of health.watch({ service: 'ordermesh.tasks' }, { signal })) seen.push(status);
    })();
    await eventually(() => expect(seen).toEqual([ServingStatus.SERVING]));
    await broker.kill();
    await eventually(() => expect(seen.at(-1)).toBe(ServingStatus.NOT_SERVING), patient);
    await eventually(async () => expect(await notServing(address)).toEqual(degraded), patient);
    await broker.start();
    await eventually(() => expect(seen.at(-1)).toBe(ServingStatus.SERVING), patient);
    await eventually(async () => expect(await notServing(address)).toEqual([]), patient);
    expect(seen).toEqual([ServingStatus.SERVING, ServingStatus.NOT_SERVING, ServingStatus.SERVING]);
    ending.abort();
    await expect(watching).rejects.toThrow();
    channel.close();
  });
});
