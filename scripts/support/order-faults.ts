import type { Item } from '#gen/inventory/v1/inventory.ts';
import { type Notification, NotificationState, notificationStateToJSON } from '#gen/notification/v1/notification.ts';
import { type Order, OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';
import type { AccountEvent } from '#gen/payment/v1/payment.ts';

// The invariants of orders: each accepted order ends, and has its effects once. Tests and `make verify-rolling` use them.

/** What is wrong, one line each. */
export interface OrderFaults {
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
}

export const isCompleted = ({ state }: Pick<Order, 'state'>) => state === OrderState.ORDER_STATE_COMPLETED;

const endStates: readonly OrderState[] = [
  OrderState.ORDER_STATE_COMPLETED,
  OrderState.ORDER_STATE_FAILED,
  OrderState.ORDER_STATE_CANCELLED,
];

export const isEnded = ({ state }: Pick<Order, 'state'>) => endStates.includes(state);

/**
 * `accepted` has the ids that PlaceOrder returned, and `failedCalls` is how many of its calls failed: those may have placed an
 * order too. Any other order whose id was not returned is a call that was carried out twice.
 */
export function acceptedFaults(orders: readonly Order[], accepted: readonly string[], failedCalls = 0): OrderFaults {
  const found = new Set(orders.map(({ id }) => id));
  const returned = new Set(accepted);
  const lost = [
    ...accepted.filter((id) => !found.has(id)).map((id) => `order ${id}`),
    ...accepted.filter((id, index) => accepted.indexOf(id) !== index).map((id) => `one of two orders ${id}`),
    ...orders
      .filter((order) => !isEnded(order))
      .map(({ id, state }) => `end of order ${id}, which is ${orderStateToJSON(state)}`),
  ];
  const unknown = [...found].filter((id) => !returned.has(id));
  return { lost, doubled: unknown.length > failedCalls ? unknown.map((id) => `order ${id}, of no accepted call`) : [] };
}

/** A completed order is charged once, and any other one not at all or refunded. `events` are those of all accounts. */
export function chargeFaults(orders: readonly Order[], events: readonly AccountEvent[]): OrderFaults {
  const { faults, count } = collect();
  const byOrder = Map.groupBy(events, ({ reference }) => /^order:(.+)$/.exec(reference)?.[1] ?? '');
  byOrder.delete('');
  for (const order of orders) {
    const found = byOrder.get(order.id) ?? [];
    byOrder.delete(order.id);
    const times = (type: string) => found.filter((event) => event.type === type).length;
    const [charges, refunds] = [times('MONEY_WITHDRAWN'), times('MONEY_DEPOSITED')];
    count(`charge of order ${order.id}`, charges - refunds, isCompleted(order) ? 1 : 0);
    const isOther = found.some(({ amount }) => amount?.minorUnits !== order.total?.minorUnits);
    if (charges > 1 || isOther) faults.doubled.push(`money of order ${order.id}: ${shownEvents(found)}`);
  }
  for (const [id, found] of byOrder)
    faults.doubled.push(`charge of order ${id}, which does not exist: ${shownEvents(found)}`);
  return faults;
}

function shownEvents(events: readonly AccountEvent[]): string {
  return events.map(({ type, amount }) => `${type} ${amount?.minorUnits}`).join(', ');
}

/** A completed order is shipped once, and nothing else. `references` has the id of an order for each live shipment. */
export function shipmentFaults(orders: readonly Order[], references: readonly string[]): OrderFaults {
  const { faults, count } = collect();
  const shipments = Map.groupBy(references, (id) => id);
  for (const order of orders) {
    count(`shipment of order ${order.id}`, shipments.get(order.id)?.length ?? 0, isCompleted(order) ? 1 : 0);
    shipments.delete(order.id);
  }
  for (const id of shipments.keys()) faults.doubled.push(`shipment of order ${id}, which does not exist`);
  return faults;
}

/** One mail was sent when an order was placed, and one when it ended. */
export function mailFaults(orders: readonly Order[], notifications: readonly Notification[]): OrderFaults {
  const { faults, count } = collect();
  const byOrder = Map.groupBy(notifications, ({ orderId }) => orderId);
  for (const { id, state } of orders) {
    const found = byOrder.get(id) ?? [];
    const ending = orderStateToJSON(state).replace('ORDER_STATE_', 'order-').toLowerCase();
    const due = ['order-placed', ending];
    for (const template of due) {
      const times = found.filter((mail) => mail.template === template && isSent(mail)).length;
      count(`mail ${template} of order ${id}`, times, 1);
    }
    for (const { template, state } of found.filter((mail) => !isSent(mail)))
      faults.lost.push(`mail ${template} of order ${id}, which is ${notificationStateToJSON(state)}`);
    for (const { template } of found.filter((mail) => isSent(mail) && !due.includes(mail.template)))
      faults.doubled.push(`mail ${template} of order ${id}, which is ${orderStateToJSON(state)}`);
  }
  return faults;
}

const isSent = ({ state }: Notification) => state === NotificationState.NOTIFICATION_STATE_SENT;

/** What left the stock since `before` is what completed orders have, and nothing is reserved. */
export function stockFaults(
  orders: readonly Order[],
  before: ReadonlyMap<string, bigint>,
  items: readonly Pick<Item, 'sku' | 'onHand' | 'reserved'>[],
): OrderFaults {
  const { faults, count } = collect();
  const sold = new Map<string, bigint>();
  for (const { sku, quantity } of orders.filter(isCompleted).flatMap((order) => order.items))
    sold.set(sku, (sold.get(sku) ?? 0n) + BigInt(quantity));
  for (const { sku, onHand, reserved } of items) {
    count(`unit of item ${sku}`, Number((before.get(sku) ?? 0n) - onHand), Number(sold.get(sku) ?? 0n));
    count(`reserved unit of item ${sku}`, Number(reserved), 0);
  }
  return faults;
}

/** Returns the faults of all. */
export function joinFaults(...all: readonly OrderFaults[]): OrderFaults {
  return { lost: all.flatMap(({ lost }) => lost), doubled: all.flatMap(({ doubled }) => doubled) };
}

function collect() {
  const faults: { readonly lost: string[]; readonly doubled: string[] } = { lost: [], doubled: [] };
  const count = (what: string, times: number, due: number) => {
    if (times < due) faults.lost.push(`${what}: ${times} instead of ${due}`);
    if (times > due) faults.doubled.push(`${what}: ${times} instead of ${due}`);
  };
  return { faults, count };
}
