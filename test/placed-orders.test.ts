import { expect, it, onTestFinished } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import { eventually, startMesh } from '#mesh/testing';
import { allServices } from '../services/all.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from './support/shop.ts';

it('the report service returns orders as the order service has them, and counts the completed ones as sold', async () => {
  const mesh = await startMesh(allServices);
  onTestFinished(() => mesh.stop());
  const shop = shopOf(mesh.runtime);
  const reports = mesh.runtime.client(OrderReportServiceContract);
  await fillShop(shop);
  const { ORDER_STATE_COMPLETED: completed, ORDER_STATE_FAILED: failed } = OrderState;
  for (const [quantity, state] of [[3, completed] as const, [101, failed] as const, [4, completed] as const]) {
    const { id } = await shop.orders.placeOrder(bookOrder({ quantity }));
    expect((await watchToEnd(shop.orders, id)).at(-1)?.state).toBe(state);
  }

  const expected = (await Array.fromAsync(shop.orders.listOrders({ userId: 'ada' }))).map((order) => ({
    orderId: order.id,
    userId: 'ada',
    state: order.state,
    total: order.total,
    itemCount: BigInt(order.items[0]?.quantity ?? 0),
    createTime: order.createTime,
    updateTime: order.updateTime,
    version: BigInt(order.etag),
  }));
  expect(expected).toHaveLength(3);
  await eventually(async () => {
    expect(await Array.fromAsync(reports.listUserOrders({ userId: 'ada' }))).toEqual(expected);
    const revenue = { currencyCode: 'EUR', minorUnits: 3_500n };
    const books = { sku: 'book', quantity: 7n, orderCount: 2n, revenue };
    expect(await Array.fromAsync(reports.listBestSellers({}))).toEqual([books]);
  });
  expect(await Array.fromAsync(shop.deadLetters.listDeadLetters({}))).toEqual([]);
});
