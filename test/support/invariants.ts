import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { NotificationState } from '#gen/notification/v1/notification.ts';
import { SagaState } from '#gen/ops/v1/ops.ts';
import { type Order, OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import type { SimulatedCarrier } from '../../services/shipping/carrier/simulated-carrier.ts';
import { type EventHistory, readHistory } from './event-history.ts';
import { type Shop, stocked } from './shop.ts';

/** Stock and money match the final states of the orders: sold and paid once, or returned. */
export async function expectConserved(shop: Shop, orders: readonly Order[]): Promise<void> {
  const completed = orders.filter((order) => order.state === OrderState.ORDER_STATE_COMPLETED);
  const sold = completed.flatMap((order) => order.items).reduce((sum, item) => sum + BigInt(item.quantity), 0n);
  const item = await shop.inventory.getItem({ sku: stocked.sku });
  expect(item).toMatchObject({ onHand: stocked.onHand - sold, reserved: 0n });

  const spent = completed.reduce((sum, order) => sum + (order.total?.minorUnits ?? 0n), 0n);
  const account = await shop.accounts.getBalance({ accountId: 'ada' });
  expect(account.balance?.minorUnits).toBe(stocked.funds - spent);
}

/** Money moved as the final state requires: one withdrawal if completed, otherwise none or one with its refund. */
export async function expectPaidOnce(shop: Shop, order: Order): Promise<void> {
  const events = await Array.fromAsync(shop.accounts.listAccountEvents({ accountId: order.userId }));
  const types = events.filter((event) => event.reference === `order:${order.id}`).map((event) => event.type);
  if (order.state === OrderState.ORDER_STATE_COMPLETED) expect(types).toEqual(['MONEY_WITHDRAWN']);
  else expect([[], ['MONEY_WITHDRAWN', 'MONEY_DEPOSITED']]).toContainEqual(types);
}

/** The carrier ships each completed order once, and no other order. */
export async function expectShippedOnce(carrier: Pick<SimulatedCarrier, 'liveShipments'>, order: Order): Promise<void> {
  const wanted = order.state === OrderState.ORDER_STATE_COMPLETED ? 1 : 0;
  expect(await carrier.liveShipments(order.id)).toBe(wanted);
}

/** The user got one mail when the order was placed and one when it ended. */
export async function expectNotifiedOnce(shop: Shop, dataDir: string, order: Order): Promise<void> {
  const ending = orderStateToJSON(order.state).replace('ORDER_STATE_', 'order-').toLowerCase();
  const notifications = await eventually(async () => {
    const found = await Array.fromAsync(shop.notifications.listNotifications({ orderId: order.id }));
    const sent = found.filter((notification) => notification.state === NotificationState.NOTIFICATION_STATE_SENT);
    expect(sent.map((notification) => notification.template).sort()).toEqual([ending, 'order-placed'].sort());
    expect(found).toHaveLength(sent.length);
    return found;
  });
  const mails = await readdir(join(dataDir, 'mail'));
  for (const { id } of notifications) expect(mails).toContain(`${id}.eml`);
}

/** No dead letters and no sagas that need attention. */
export async function expectNothingStuck(shop: Shop): Promise<void> {
  expect(await Array.fromAsync(shop.deadLetters.listDeadLetters({}))).toEqual([]);
  const sagas = await Array.fromAsync(shop.sagas.listSagas({ state: SagaState.SAGA_STATE_NEEDS_ATTENTION }));
  expect(sagas).toEqual([]);
}

/** Returns the expected number of events by `topic/key`, derived from the current state of each aggregate. */
export async function countExpectedEvents(shop: Shop, orders: readonly Order[]): Promise<ReadonlyMap<string, number>> {
  const due = new Map<string, number>();
  for (const accountId of ['ada', 'tom']) {
    const { version } = await shop.accounts.getBalance({ accountId });
    due.set(`payment.events/${accountId}`, Number(version));
  }
  for (const order of orders) {
    due.set(`order.events/${order.id}`, Number(order.etag));
    // STOCK_RESERVED, then STOCK_COMMITTED or STOCK_RELEASED.
    due.set(`inventory.events/${order.id}`, 2);
    due.set(`shipping.events/${order.id}`, shipmentEvents(order));
  }
  return due;
}

/** Booked, refused, or booked and cancelled; none if the charge was refused. */
function shipmentEvents({ state, failure }: Order): number {
  if (state === OrderState.ORDER_STATE_CANCELLED) return 2;
  return failure?.reason === 'INSUFFICIENT_FUNDS' ? 0 : 1;
}

/** Every change of every aggregate is in the embedded log, in order. To be called after the process has exited. */
export async function expectEveryEvent(dataDir: string, due: ReadonlyMap<string, number>): Promise<void> {
  expectHistory(await readHistory(dataDir), due);
}

/** Every change of every aggregate is in a history, in order. */
export function expectHistory(history: EventHistory, due: ReadonlyMap<string, number>): void {
  for (const [aggregate, versions] of history) expect(versions, aggregate).toEqual(upTo(versions.length));
  for (const [aggregate, count] of due) expect(history.get(aggregate) ?? [], aggregate).toEqual(upTo(count));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
