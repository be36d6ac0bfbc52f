import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { NotificationState } from '#gen/notification/v1/notification.ts';
import { SagaState } from '#gen/ops/v1/ops.ts';
import { type Order, OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import type { SimulatedCarrier } from '../../services/shipping/carrier/simulated-carrier.ts';
import { readHistory } from './event-history.ts';
import { type Shop, stocked } from './shop.ts';

/** Stock and money are where the orders' ends say: sold or back, paid or back, once. */
export async function expectConserved(shop: Shop, orders: readonly Order[]): Promise<void> {
  const completed = orders.filter((order) => order.state === OrderState.ORDER_STATE_COMPLETED);
  const sold = completed.flatMap((order) => order.items).reduce((sum, item) => sum + BigInt(item.quantity), 0n);
  const item = await shop.inventory.getItem({ sku: stocked.sku });
  expect(item).toMatchObject({ onHand: stocked.onHand - sold, reserved: 0n });

  const spent = completed.reduce((sum, order) => sum + (order.total?.minorUnits ?? 0n), 0n);
  const account = await shop.accounts.getBalance({ accountId: 'ada' });
  expect(account.balance?.minorUnits).toBe(stocked.funds - spent);
}

/** An order moved money as its end says: one withdrawal when it completed, none or one with its refund otherwise. */
export async function expectPaidOnce(shop: Shop, order: Order): Promise<void> {
  const events = await Array.fromAsync(shop.accounts.listAccountEvents({ accountId: order.userId }));
  const types = events.filter((event) => event.reference === `order:${order.id}`).map((event) => event.type);
  if (order.state === OrderState.ORDER_STATE_COMPLETED) expect(types).toEqual(['MONEY_WITHDRAWN']);
  else expect([[], ['MONEY_WITHDRAWN', 'MONEY_DEPOSITED']]).toContainEqual(types);
}

/** The carrier, who never hears of our crashes, delivers each completed order once, and no other. */
export async function expectShippedOnce(carrier: Pick<SimulatedCarrier, 'liveShipments'>, order: Order): Promise<void> {
  const wanted = order.state === OrderState.ORDER_STATE_COMPLETED ? 1 : 0;
  expect(await carrier.liveShipments(order.id)).toBe(wanted);
}

/** The user was told that the order was placed and how it ended, each once, each with a mail of its own. */
export async function expectToldOnce(shop: Shop, dataDir: string, order: Order): Promise<void> {
  const ending = orderStateToJSON(order.state).replace('ORDER_STATE_', 'order-').toLowerCase();
  const told = await eventually(async () => {
    const found = await Array.fromAsync(shop.notifications.listNotifications({ orderId: order.id }));
    const sent = found.filter((notification) => notification.state === NotificationState.NOTIFICATION_STATE_SENT);
    expect(sent.map((notification) => notification.template).sort()).toEqual([ending, 'order-placed'].sort());
    expect(found).toHaveLength(sent.length);
    return found;
  });
  const mails = await readdir(join(dataDir, 'mail'));
  for (const { id } of told) expect(mails).toContain(`${id}.eml`);
}

/** Nothing waits for an operator. */
export async function expectNothingStuck(shop: Shop): Promise<void> {
  expect(await Array.fromAsync(shop.deadLetters.listDeadLetters({}))).toEqual([]);
  const sagas = await Array.fromAsync(shop.sagas.listSagas({ state: SagaState.SAGA_STATE_NEEDS_ATTENTION }));
  expect(sagas).toEqual([]);
}

/** How many events of each aggregate there are to be, by what its service says of it now: by `topic/key`. */
export async function countDueEvents(shop: Shop, orders: readonly Order[]): Promise<ReadonlyMap<string, number>> {
  const due = new Map<string, number>();
  for (const accountId of ['ada', 'tom']) {
    const { version } = await shop.accounts.getBalance({ accountId });
    due.set(`payment.events/${accountId}`, Number(version));
  }
  for (const order of orders) {
    due.set(`order.events/${order.id}`, Number(order.etag));
    // Reserved, then committed or released.
    due.set(`inventory.events/${order.id}`, 2);
    due.set(`shipping.events/${order.id}`, shipmentEvents(order));
  }
  return due;
}

/** Booked, or refused, or booked and cancelled; nothing where the money was missing. */
function shipmentEvents({ state, failure }: Order): number {
  if (state === OrderState.ORDER_STATE_CANCELLED) return 2;
  return failure?.reason === 'INSUFFICIENT_FUNDS' ? 0 : 1;
}

/** After the end of the process: every change of every aggregate is in the log, in order, none missing. */
export async function expectEveryEvent(dataDir: string, due: ReadonlyMap<string, number>): Promise<void> {
  const history = await readHistory(dataDir);
  for (const [aggregate, versions] of history) expect(versions, aggregate).toEqual(upTo(versions.length));
  for (const [aggregate, count] of due) expect(history.get(aggregate) ?? [], aggregate).toEqual(upTo(count));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
