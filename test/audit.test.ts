import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Client } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import type { AuditFinding, AuditServiceDefinition } from '#gen/ops/v1/audit.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { RebuildStage } from '#gen/ops/v1/projection.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import type { ServiceDefinition } from '../mesh/app/service.ts';
import { openStorage } from '../mesh/storage/open.ts';
import { eventually } from '../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../mesh/testing/temp-folder.ts';
import { allServices } from '../services/all.ts';
import { allServicesWith } from './support/all-services.ts';
import { bookOrder, euros, fillShop, type Shop, shopOf, stocked, watchToEnd } from './support/shop.ts';
import { startCarrier, type TestCarrier } from './support/test-carrier.ts';

describe('the audit', () => {
  let folder: TempFolder;
  let dataDir: string;
  let carrier: TestCarrier;
  let mesh: TestMesh;
  let shop: Shop;
  let audits: Client<AuditServiceDefinition>;

  beforeEach(async () => {
    folder = await tempFolder();
    dataDir = join(folder.path, 'data');
    carrier = await startCarrier(folder.path);
    await start();
    await fillShop(shop);
  });

  afterEach(async () => {
    await mesh.stop();
    await carrier[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  async function start(services: readonly ServiceDefinition[] = allServices): Promise<void> {
    mesh = await startMesh(services, { CARRIER_URL: carrier.url, DATA_DIR: dataDir });
    shop = shopOf(mesh.runtime);
    audits = mesh.runtime.client(AuditServiceContract);
  }

  /** Runs checks, which must all finish, and returns their findings. */
  async function findings(...checks: string[]): Promise<AuditFinding[]> {
    const reports = (await Array.fromAsync(audits.runAudit({ checks }))).map(({ report }) => report);
    for (const report of reports) if (report?.$case === 'check') expect(report.value).toMatchObject({ error: '' });
    return reports.flatMap((report) => (report?.$case === 'finding' ? [report.value] : []));
  }

  /** Returns all findings, each as reason and ids. */
  async function faults(): Promise<string[]> {
    return (await findings()).map(({ reason, ids }) => [reason, ...ids].join(' ')).toSorted();
  }

  async function placeToEnd(order?: Parameters<typeof bookOrder>[0]): Promise<Order> {
    const { id } = await shop.orders.placeOrder(bookOrder(order));
    return (await watchToEnd(shop.orders, id)).at(-1) ?? expect.fail(`order ${id} was not seen`);
  }

  async function placeAndCancel(): Promise<Order> {
    const held = carrier.hold(1);
    const { id } = await shop.orders.placeOrder(bookOrder());
    await held.arrived;
    await shop.orders.cancelOrder({ requestId: randomUUID(), id });
    held.release();
    return (await watchToEnd(shop.orders, id)).at(-1) ?? expect.fail(`order ${id} was not seen`);
  }

  /** One order for each way in which one can end. */
  async function placeOfEachKind() {
    const completed = await placeToEnd();
    const soldOut = await placeToEnd({ quantity: 101 });
    const penniless = await placeToEnd({ userId: 'tom' });
    const refused = await placeToEnd({ countryCode: 'AQ' });
    const cancelled = await placeAndCancel();
    expect(completed.state).toBe(OrderState.ORDER_STATE_COMPLETED);
    for (const { state } of [soldOut, penniless, refused]) expect(state).toBe(OrderState.ORDER_STATE_FAILED);
    expect(cancelled.state).toBe(OrderState.ORDER_STATE_CANCELLED);
    return { completed, soldOut, penniless, refused, cancelled };
  }

  /** Changes a database of the mesh behind its back. */
  async function change(service: string, sql: string, params: readonly string[] = []): Promise<void> {
    await mesh.stop();
    const storage = await openStorage(`sqlite:${join(dataDir, `${service}.db`)}`);
    expect(await storage.execute(sql, params)).toBe(1);
    await storage.close();
    await start();
  }

  it('finds nothing after orders that completed, failed and were cancelled', async () => {
    await placeOfEachKind();
    expect(await findings()).toEqual([]);
    const reports = await Array.fromAsync(audits.runAudit({}));
    const examined = new Map(
      reports.flatMap(({ report }) => (report?.$case === 'check' ? [[report.value.name, report.value.examined]] : [])),
    );
    expect(examined.get('inventory/reserved-stock')).toBe(1n);
    expect(examined.get('orders/charges')).toBe(5n);
    expect(examined.get('orders/reservations')).toBe(5n);
  });

  it('finds nothing while orders are running', async () => {
    await shop.inventory.adjustStock({ requestId: randomUUID(), sku: stocked.sku, delta: 10_000n });
    await shop.accounts.deposit({ requestId: randomUUID(), accountId: 'ada', amount: euros(10_000_000n) });
    const kinds = [{}, {}, { quantity: 20_000 }, { userId: 'tom' }, { countryCode: 'AQ' }, { cancelled: true }];
    let [placed, placing] = [0, true];
    const place = async () => {
      for (; placing; placed += 1) {
        const { cancelled, ...changes } = { quantity: 1, cancelled: false, ...kinds[placed % kinds.length] };
        const { id } = await shop.orders.placeOrder(bookOrder(changes));
        // The order may have ended by then.
        if (cancelled) await shop.orders.cancelOrder({ requestId: randomUUID(), id }).catch(() => undefined);
        await watchToEnd(shop.orders, id);
      }
    };
    const customers = Array.from({ length: 12 }, place);
    expect(await findings()).toEqual([]);
    for (let audited = 0; audited < 15; audited += 1) {
      expect(await findings('orders/charges', 'orders/reservations', 'inventory/reserved-stock')).toEqual([]);
    }
    placing = false;
    await Promise.all(customers);
    expect(placed).toBeGreaterThan(50);
    expect(await findings()).toEqual([]);
  }, 60_000);

  it.each(['listOrders', 'listPayments', 'listReservations'])(
    'finds nothing if %s is read later than the rest',
    async (method) => {
      await mesh.stop();
      let meanwhile: (() => Promise<unknown>) | undefined;
      const stale = allServicesWith('ops', (runtime) => ({
        ...runtime,
        findClient: (contract) => {
          const found = runtime.findClient(contract);
          return (
            found &&
            delayList(found, method, async () => {
              await meanwhile?.();
              meanwhile = undefined;
            })
          );
        },
      }));
      await start(stale);
      await placeOfEachKind();
      const held = carrier.hold(1);
      const { id } = await shop.orders.placeOrder(bookOrder());
      await held.arrived;
      meanwhile = async () => {
        await shop.orders.cancelOrder({ requestId: randomUUID(), id });
        held.release();
        await watchToEnd(shop.orders, id);
        await placeOfEachKind();
      };
      expect(await findings()).toEqual([]);
      expect(meanwhile).toBeUndefined();
    },
  );

  it('reports an item with more reserved stock than orders hold', async () => {
    await placeOfEachKind();
    await change('inventory', 'UPDATE items SET reserved = reserved + 1 WHERE sku = $1', [stocked.sku]);
    expect(await faults()).toEqual([`RESERVED_STOCK_DIFFERS ${stocked.sku}`]);
  });

  it.each(['FAILED', 'CANCELLED'])('reports an order that is %s but was charged and delivered', async (state) => {
    const { completed } = await placeOfEachKind();
    await change('order', 'UPDATE orders SET state = $2 WHERE id = $1', [completed.id, state]);
    expect(await faults()).toEqual([
      `CHARGE_OF_ENDED_ORDER ${completed.id}`,
      `RESERVATION_OF_ENDED_ORDER ${completed.id}`,
    ]);
  });

  it('reports an order that is COMPLETED but was refunded and not delivered', async () => {
    const { refused } = await placeOfEachKind();
    await change('order', "UPDATE orders SET state = 'COMPLETED' WHERE id = $1", [refused.id]);
    expect(await faults()).toEqual([`ORDER_NOT_RESERVED ${refused.id}`, `REFUND_OF_COMPLETED_ORDER ${refused.id}`]);
  });

  it('reports an order that is COMPLETED without charge and stock', async () => {
    const { soldOut } = await placeOfEachKind();
    await change('order', "UPDATE orders SET state = 'COMPLETED' WHERE id = $1", [soldOut.id]);
    expect(await faults()).toEqual([`ORDER_NOT_CHARGED ${soldOut.id}`, `ORDER_NOT_RESERVED ${soldOut.id}`]);
  });

  it('reports a missing order', async () => {
    const { completed } = await placeOfEachKind();
    await change('order', 'DELETE FROM orders WHERE id = $1', [completed.id]);
    expect(await faults()).toEqual([
      `CHARGE_WITHOUT_ORDER ${completed.id}`,
      `RESERVATION_WITHOUT_ORDER ${completed.id}`,
    ]);
  });

  it('reports an order with another amount or user than its charge', async () => {
    const [dearer, toms] = [await placeToEnd(), await placeToEnd()];
    await change('order', 'UPDATE orders SET total = total + 1 WHERE id = $1', [dearer.id]);
    await change('order', "UPDATE orders SET user_id = 'tom' WHERE id = $1", [toms.id]);
    expect(await faults()).toEqual([`CHARGE_DIFFERS ${dearer.id}`, `CHARGE_DIFFERS ${toms.id}`]);
  });

  it('reports an ended order whose stock is still reserved', async () => {
    const { refused } = await placeOfEachKind();
    await change('inventory', "UPDATE reservations SET state = 'RESERVED' WHERE order_id = $1", [refused.id]);
    expect(await faults()).toEqual([
      `RESERVATION_OF_ENDED_ORDER ${refused.id}`,
      `RESERVED_STOCK_DIFFERS ${stocked.sku}`,
    ]);
  });

  it('reports an order with other items than its reservation', async () => {
    const { completed } = await placeOfEachKind();
    await change('inventory', 'UPDATE reservation_items SET quantity = 2 WHERE order_id = $1', [completed.id]);
    expect(await faults()).toEqual([`RESERVATION_DIFFERS ${completed.id}`]);
  });

  it('reports a projection row that differs from its events, until the projection is rebuilt', async () => {
    const { completed } = await placeOfEachKind();
    expect(await findings()).toEqual([]);
    await change('payment', 'UPDATE payment_list SET amount = 1 WHERE order_id = $1', [completed.id]);
    const [row, ...others] = await findings();
    expect(row).toMatchObject({ check: 'payment/payment-list', reason: 'ROW_DIFFERS' });
    expect(row?.message).toContain(completed.id);
    expect(others).toEqual([]);
    const projections = mesh.runtime.client(ProjectionServiceContract);
    const rebuild = await Array.fromAsync(projections.rebuildProjection({ name: 'payment-list' }));
    expect(rebuild.at(-1)).toMatchObject({ stage: RebuildStage.REBUILD_STAGE_SWITCHED, rowsDifferent: 1n });
    expect(await findings()).toEqual([]);
  });

  it('reports charges and reservations without an order', async () => {
    await shop.inventory.reserveStock({ orderId: 'nobodys', items: [{ sku: stocked.sku, quantity: 1n }] });
    await shop.payments.charge({ orderId: 'nobodys', userId: 'ada', amount: euros(1n) });
    expect(await faults()).toEqual(['CHARGE_WITHOUT_ORDER nobodys', 'RESERVATION_WITHOUT_ORDER nobodys']);
  });

  it('reports a running order whose stock or charge was taken back', async () => {
    const held = carrier.hold(2);
    const placed = [await shop.orders.placeOrder(bookOrder()), await shop.orders.placeOrder(bookOrder())];
    await held.arrived;
    await eventually(async () => {
      for (const { id } of placed) expect((await shop.orders.getOrder({ id })).state).toBe(OrderState.ORDER_STATE_PAID);
    });
    expect(await faults()).toEqual([]);
    const [refunded, released] = placed.map(({ id }) => id);
    await shop.payments.refund({ orderId: refunded ?? '' });
    await shop.inventory.releaseStock({ orderId: released ?? '' });
    expect(await faults()).toEqual([`ORDER_NOT_CHARGED ${refunded}`, `ORDER_NOT_RESERVED ${released}`]);
    held.release();
  });
});

/** Returns a client whose list method first awaits `meanwhile`. */
function delayList<T extends object>(client: T, method: string, meanwhile: () => Promise<void>): T {
  return new Proxy(client, {
    get(_, name) {
      const member: unknown = Reflect.get(client, name);
      if (name !== method || typeof member !== 'function') return member;
      return async function* (...args: unknown[]) {
        await meanwhile();
        yield* Reflect.apply(member, client, args) as AsyncIterable<unknown>;
      };
    },
  });
}
