import { expect } from 'vitest';
import { NotificationState } from '#gen/notification/v1/notification.ts';
import { type Order, OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';
import type { AccountEvent } from '#gen/payment/v1/payment.ts';
import type { EventHistory } from '../../support/event-history.ts';
import type { Shop } from '../../support/shop.ts';
import type { TestCarrier } from '../../support/test-carrier.ts';
import { accountIds, poorId, stock } from './shoppers.ts';

// The invariants of many orders, as callers, Kafka and the carrier see them.

const isCompleted = ({ state }: Order) => state === OrderState.ORDER_STATE_COMPLETED;
const ending: readonly OrderState[] = [
  OrderState.ORDER_STATE_COMPLETED,
  OrderState.ORDER_STATE_FAILED,
  OrderState.ORDER_STATE_CANCELLED,
];

/** Returns all orders. Fails while one has not ended. */
export async function expectEnded({ orders }: Shop): Promise<Order[]> {
  const all = await Array.fromAsync(orders.listOrders({}));
  expect(
    all.filter(({ state }) => !ending.includes(state)).map(({ id, state }) => [id, orderStateToJSON(state)]),
  ).toEqual([]);
  return all;
}

/** Orders end as their user and address allow. */
export function expectEndsByKind(orders: readonly Order[]): void {
  const wrong = orders.filter((order) => {
    const refuses = order.userId === poorId || order.shippingAddress?.countryCode === 'AQ';
    return isCompleted(order) === refuses;
  });
  expect(wrong.map(({ id, state, failure }) => [id, orderStateToJSON(state), failure])).toEqual([]);
}

/** What left the stock is what completed orders have. */
export async function expectStockConserved({ inventory }: Shop, orders: readonly Order[]): Promise<void> {
  const sold = orders.filter(isCompleted).flatMap(({ items }) => items);
  const units = sold.reduce((sum, { quantity }) => sum + BigInt(quantity), 0n);
  expect(await inventory.getItem({ sku: stock.sku })).toMatchObject({ onHand: stock.onHand - units, reserved: 0n });
}

/** Each completed order is charged once, each other one not at all or refunded, and the balances are what is left. */
export async function expectPaidOnce({ accounts }: Shop, orders: readonly Order[]): Promise<void> {
  const byId = new Map(orders.map((order) => [order.id, order]));
  for (const accountId of accountIds) {
    const events = await Array.fromAsync(accounts.listAccountEvents({ accountId }));
    const byOrder = Map.groupBy(
      events.filter(({ reference }) => reference.startsWith('order:')),
      ({ reference }) => reference.slice('order:'.length),
    );
    expect([...byOrder.keys()].filter((id) => byId.get(id)?.userId !== accountId)).toEqual([]);
    const own = orders.filter(({ userId }) => userId === accountId);
    const wrong = own.filter((order) => !isPaidRight(order, byOrder.get(order.id) ?? []));
    expect(wrong.map(({ id }) => [id, byOrder.get(id)?.map(({ type }) => type)])).toEqual([]);
    const spent = own.filter(isCompleted).reduce((sum, { total }) => sum + (total?.minorUnits ?? 0n), 0n);
    const funds = accountId === poorId ? 0n : stock.funds;
    expect(await accounts.getBalance({ accountId })).toMatchObject({ balance: { minorUnits: funds - spent } });
  }
}

function isPaidRight(order: Order, events: readonly AccountEvent[]): boolean {
  const types = events.map(({ type }) => type).join();
  const isTotal = events.every(({ amount }) => amount?.minorUnits === order.total?.minorUnits);
  if (isCompleted(order)) return types === 'MONEY_WITHDRAWN' && isTotal;
  return (types === '' || types === 'MONEY_WITHDRAWN,MONEY_DEPOSITED') && isTotal;
}

/** The carrier has one shipment for each completed order, and none for any other. */
export async function expectShippedOnce(carrier: TestCarrier, orders: readonly Order[]): Promise<void> {
  const wrong: [string, number][] = [];
  for (const order of orders) {
    const shipments = await carrier.liveShipments(order.id);
    if (shipments !== (isCompleted(order) ? 1 : 0)) wrong.push([order.id, shipments]);
  }
  expect(wrong).toEqual([]);
}

/** One mail was sent when an order was placed, and one when it ended. */
export async function expectNotifiedOnce({ notifications }: Shop, orders: readonly Order[]): Promise<void> {
  const all = await Array.fromAsync(notifications.listNotifications({}));
  const byOrder = Map.groupBy(all, ({ orderId }) => orderId);
  const wrong = orders.flatMap(({ id, state }) => {
    const found = byOrder.get(id) ?? [];
    const sent = found.filter((notification) => notification.state === NotificationState.NOTIFICATION_STATE_SENT);
    const last = orderStateToJSON(state).replace('ORDER_STATE_', 'order-').toLowerCase();
    const isRight =
      found.length === 2 &&
      sent
        .map(({ template }) => template)
        .toSorted()
        .join() === `${last},order-placed`;
    return isRight ? [] : [[id, found.map((each) => [each.template, each.state])]];
  });
  expect(wrong).toEqual([]);
}

/** The log has every change of every aggregate, once and in order. */
export async function expectEveryEvent(
  { accounts }: Shop,
  orders: readonly Order[],
  history: EventHistory,
): Promise<void> {
  const due = new Map<string, number>();
  for (const accountId of accountIds) {
    due.set(`payment.events/${accountId}`, Number((await accounts.getBalance({ accountId })).version));
  }
  for (const order of orders) {
    due.set(`order.events/${order.id}`, Number(order.etag));
    // STOCK_RESERVED, then STOCK_COMMITTED or STOCK_RELEASED.
    due.set(`inventory.events/${order.id}`, 2);
    // Booked or refused; nothing is shipped that cannot be paid.
    due.set(`shipping.events/${order.id}`, order.userId === poorId ? 0 : 1);
  }
  const wrong = [...due].filter(([aggregate, count]) => {
    const versions = history.get(aggregate) ?? [];
    return versions.length !== count || versions.some((version, index) => version !== index + 1);
  });
  expect(wrong.map(([aggregate, count]) => [aggregate, count, history.get(aggregate)])).toEqual([]);
}
