import type { EventRecord, SubscribeRequest } from '#gen/events/v1/events.ts';
import { Start } from '#gen/events/v1/events.ts';
import type { Item, ListItemsRequest } from '#gen/inventory/v1/inventory.ts';
import type { ListOrdersRequest, Order, WatchOrderRequest } from '#gen/order/v1/order.ts';
import type { ListPaymentsRequest, Payment } from '#gen/payment/v1/payment.ts';
import type { ListUsersRequest, User } from '#gen/user/v1/user.ts';
import { afterLast, type Cursor } from '#mesh';

// The cursors of the streams of this mesh, for `resumable`: `resumable(users.listUsers, afterUser)`.

export const afterUser = (request: Partial<ListUsersRequest>) =>
  afterLast(request, ({ id }: User) => ({ afterId: id }));

export const afterOrder = (request: Partial<ListOrdersRequest>) =>
  afterLast(request, ({ id }: Order) => ({ afterId: id }));

export const afterItem = (request: Partial<ListItemsRequest>) =>
  afterLast(request, ({ sku }: Item) => ({ afterSku: sku }));

export const afterPayment = (request: Partial<ListPaymentsRequest>) =>
  afterLast(request, ({ id }: Payment) => ({ afterId: id }));

/** Continues a watch of an order. A change in between is seen with the latest state. */
export function afterOrderState(request: Partial<WatchOrderRequest>): Cursor<Partial<WatchOrderRequest>, Order> {
  let seen: string | undefined;
  return {
    take({ etag }) {
      const isNew = etag !== seen;
      seen = etag;
      return isNew;
    },
    next: () => request,
  };
}

// Events are logged a moment after they happened.
const maxLogDelayMs = 60_000;

/**
 * Continues a subscription after the last event of each partition. Partitions of which nothing was received start again: at the
 * beginning, or at most a minute before the time at which the subscription started. One that started at the end of its topic
 * cannot continue without a gap, so it ends with the error that cut it off: start it at a time instead.
 */
export function afterEvent(request: Partial<SubscribeRequest>): Cursor<Partial<SubscribeRequest>, EventRecord> {
  const { from } = request;
  const startsAtEnd = from === undefined || (from.$case === 'start' && from.value !== Start.START_BEGINNING);
  const earliestMs = from?.$case === 'time' ? from.value.getTime() - maxLogDelayMs : Number.NEGATIVE_INFINITY;
  const byPartition: Record<number, bigint> = from?.$case === 'offsets' ? { ...from.value.byPartition } : {};
  return {
    take({ partition, offset, time }) {
      const isKnown = partition in byPartition;
      byPartition[partition] = offset + 1n;
      return isKnown || time === undefined || time.getTime() >= earliestMs;
    },
    next(cause) {
      if (startsAtEnd) throw cause;
      if (Object.keys(byPartition).length === 0) return request;
      return { ...request, from: { $case: 'offsets', value: { byPartition } } };
    },
  };
}
