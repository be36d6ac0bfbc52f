import { randomUUID } from 'node:crypto';
import { Status } from 'nice-grpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { type MeshError, openStorage } from '#mesh';
import {
  assumedPerSecond,
  describeServicesOnEachDatabase,
  startMesh,
  type TempFolder,
  tempFolder,
} from '#mesh/testing';
import { inventoryService } from '../inventory/service.ts';
import { paymentService } from '../payment/service.ts';
import { shippingService } from '../shipping/service.ts';
import { userService } from '../user/service.ts';
import { orderService } from './service.ts';

const creators = [userService, inventoryService, paymentService, shippingService, orderService];
/** How many orders a process is assumed to finish in five minutes before it has measured its rate. */
const limit = assumedPerSecond * 300;
const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });

describeServicesOnEachDatabase('an order service with a long backlog', (settings) => {
  let environment: Record<string, string> & { DATA_DIR: string; DATABASE_URL: string };
  let folder: TempFolder;
  beforeEach(async () => {
    folder = await tempFolder();
    environment = { DATABASE_URL: '', ...settings(), DATA_DIR: folder.path };
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  it('refuses new orders while it needs over five minutes for the backlog, but not repeated calls of accepted ones', async () => {
    const placed = {
      requestId: randomUUID(),
      userId: 'ada',
      items: [{ sku: 'book', quantity: 1 }],
      shippingAddress: { recipient: 'Ada', lines: ['1 Main St'], city: 'Town', postalCode: '10115', countryCode: 'DE' },
    };
    const first = await startMesh(creators, environment);
    await first.runtime
      .client(UserServiceContract)
      .createUser({ user: { id: 'ada', name: 'Ada', email: 'a@b.example' } });
    await first.runtime.client(AccountServiceContract).openAccount({ accountId: 'ada', currencyCode: 'USD' });
    const item = { sku: 'book', name: 'Book', unitPrice: usd(500n), onHand: 10n };
    await first.runtime.client(InventoryServiceContract).createItem({ item });
    const order = await first.runtime.client(OrderServiceContract).placeOrder(placed);
    await Array.fromAsync(first.runtime.client(OrderServiceContract).watchOrder({ id: order.id }));
    await first.stop();

    await changeSagas(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${limit})
       INSERT INTO saga (id, name, definition_version, subject_id, state, record, data, notes, request_id, traceparent,
         version, turn, epoch, create_time, update_time)
       SELECT 'other-' || n, name, definition_version, 'other-' || n, 'running', record, data, notes, request_id,
         traceparent, version, turn, epoch, create_time, update_time FROM saga, numbers`,
    );
    const full = await startMesh(creators, environment);
    const orders = full.runtime.client(OrderServiceContract);
    await expect(orders.placeOrder(placed)).resolves.toEqual(order);
    const refused = { ...placed, requestId: randomUUID() };
    const delaysMs: number[] = [];
    for (const id of Array.from({ length: 5 }, () => randomUUID())) {
      const placing = orders.placeOrder({ ...refused, requestId: id });
      const error: MeshError = await placing.then(
        () => expect.fail('the order was accepted'),
        (refusal) => refusal,
      );
      expect(error).toMatchObject({
        code: Status.RESOURCE_EXHAUSTED,
        reason: 'TOO_MANY_ORDERS',
        metadata: { limit: `${limit}`, unfinished: `${limit}` },
      });
      delaysMs.push(error.retryAfterMs ?? 0);
    }
    expect(Math.min(...delaysMs)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...delaysMs)).toBeLessThanOrEqual(1_200);
    expect(new Set(delaysMs).size).toBeGreaterThan(1);
    const { text } = await full.runtime.metrics.scrape();
    expect(text).toContain(`ordermesh_sagas_unfinished{service="order"} ${limit}`);
    await full.stop();

    await changeSagas("DELETE FROM saga WHERE id = 'other-1'");
    const again = await startMesh(creators, environment);
    await expect(again.runtime.client(OrderServiceContract).placeOrder(refused)).resolves.toMatchObject({
      userId: 'ada',
    });
    await again.stop();
  }, 60_000);

  async function changeSagas(sql: string): Promise<void> {
    const storage = await openStorage(environment.DATABASE_URL.replaceAll('<service>', 'order'));
    await storage.transaction((tx) => tx.execute(sql));
    await storage.close();
  }
});
