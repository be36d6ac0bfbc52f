import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { orderStateToJSON } from '#gen/order/v1/order.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { type KafkaServer, kafka, startKafka } from '../../mesh/testing/servers/kafka-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { healthProblems, notServing } from '../support/health-of.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';

/** Kafka starts, clients connect again, and consumers join their groups. */
const patient = { timeoutMs: 30_000 };

describeWithServer(kafka, 'a mesh whose Kafka cannot be reached', () => {
  let server: KafkaServer;
  let mesh: TestMesh;

  beforeAll(async () => {
    server = await startKafka();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await server.killBroker(0);
    mesh = await startMesh(allServices, { EVENTS_URL: `kafka://${server.brokers}` });
  });
  afterEach(() => mesh.stop());

  it('accepts orders, reports what is degraded, and publishes every event once Kafka is back', {
    timeout: 120_000,
  }, async () => {
    const shop = shopOf(mesh.runtime);
    await fillShop(shop);
    const { id } = await shop.orders.placeOrder(bookOrder());
    const states = (await watchToEnd(shop.orders, id)).map(({ state }) => orderStateToJSON(state));
    expect(states.at(-1)).toBe('ORDER_STATE_COMPLETED');
    const degraded = ['events.v1.EventService', 'notification.v1.NotificationService', 'ordermesh.events'];
    expect(await notServing(mesh.address)).toEqual(degraded);
    expect(Object.keys(await healthProblems(mesh.runtime))).toEqual(expect.arrayContaining(degraded));

    await server.restartBroker(0);
    await eventually(async () => expect(await notServing(mesh.address)).toEqual([]), patient);
    await mesh.runtime.events.ensureTopic('order.events');
    const types: string[] = [];
    for await (const event of mesh.runtime.events.read(
      'order.events',
      { at: 'beginning' },
      AbortSignal.timeout(patient.timeoutMs),
    )) {
      if (event.key === id) types.push(event.headers.ce_type ?? '');
      if (types.at(-1) === 'ORDER_COMPLETED') break;
    }
    expect(types[0]).toBe('ORDER_PLACED');
    expect(types.at(-1)).toBe('ORDER_COMPLETED');
    expect(new Set(types).size).toBe(types.length);
    await eventually(async () => {
      const notifications = await Array.fromAsync(shop.notifications.listNotifications({ userId: 'ada' }));
      expect(notifications.length).toBeGreaterThan(0);
    }, patient);
  });
});
