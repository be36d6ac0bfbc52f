import { describe, expect, it } from 'vitest';
import { EventRecord, Start, type SubscribeRequest } from '#gen/events/v1/events.ts';
import { Item } from '#gen/inventory/v1/inventory.ts';
import { Order } from '#gen/order/v1/order.ts';
import { Payment } from '#gen/payment/v1/payment.ts';
import { User } from '#gen/user/v1/user.ts';
import {
  afterEvent,
  afterItem,
  afterOrder,
  afterOrderState,
  afterPayment,
  afterUser,
} from '../../examples/support/cursors.ts';

const cut = new Error('cut off');

describe('the cursor of a listing', () => {
  it.each([
    [
      'ListUsers',
      () => ({
        cursor: afterUser({ role: 'admin' }),
        item: User.fromPartial({ id: 'a' }),
        next: { role: 'admin', afterId: 'a' },
      }),
    ],
    [
      'ListOrders',
      () => ({
        cursor: afterOrder({ userId: 'u' }),
        item: Order.fromPartial({ id: 'a' }),
        next: { userId: 'u', afterId: 'a' },
      }),
    ],
    ['ListItems', () => ({ cursor: afterItem({}), item: Item.fromPartial({ sku: 'a' }), next: { afterSku: 'a' } })],
    [
      'ListPayments',
      () => ({
        cursor: afterPayment({ owner: 'o' }),
        item: Payment.fromPartial({ id: 'a' }),
        next: { owner: 'o', afterId: 'a' },
      }),
    ],
  ])('continues %s after the last item', (_, listing) => {
    const { cursor, item, next } = listing();
    expect(cursor.take(item as never)).toBe(true);
    expect(cursor.next(cut)).toEqual(next);
  });
});

describe('the cursor of WatchOrder', () => {
  it('watches the same order, and drops the state that was seen', () => {
    const cursor = afterOrderState({ id: 'order' });
    const state = (etag: string) => Order.fromPartial({ id: 'order', etag });
    expect(cursor.take(state('1'))).toBe(true);
    expect(cursor.next(cut)).toEqual({ id: 'order' });
    expect(cursor.take(state('1'))).toBe(false);
    expect(cursor.take(state('2'))).toBe(true);
  });
});

describe('the cursor of Subscribe', () => {
  const at = (partition: number, offset: bigint, time = new Date(0)) =>
    EventRecord.fromPartial({ topic: 'order.events', partition, offset, time });
  const request = (from: SubscribeRequest['from']) => ({ topic: 'order.events', from });

  it('continues after the last event of each partition', () => {
    const cursor = afterEvent(request({ $case: 'start', value: Start.START_BEGINNING }));
    expect(cursor.next(cut)).toEqual(request({ $case: 'start', value: Start.START_BEGINNING }));
    for (const event of [at(0, 4n), at(2, 7n), at(0, 5n)]) expect(cursor.take(event)).toBe(true);
    expect(cursor.next(cut)).toEqual(request({ $case: 'offsets', value: { byPartition: { 0: 6n, 2: 8n } } }));
  });

  it('keeps the offsets of partitions from which nothing came', () => {
    const cursor = afterEvent(request({ $case: 'offsets', value: { byPartition: { 0: 3n, 1: 9n } } }));
    cursor.take(at(0, 3n));
    expect(cursor.next(cut)).toEqual(request({ $case: 'offsets', value: { byPartition: { 0: 4n, 1: 9n } } }));
  });

  it('drops what is older than the time at which it started, in partitions that start again', () => {
    const start = new Date('2026-01-01T12:00:00Z');
    const cursor = afterEvent(request({ $case: 'time', value: start }));
    cursor.take(at(0, 3n, start));
    cursor.next(cut);
    expect(cursor.take(at(1, 0n, new Date('2026-01-01T11:00:00Z')))).toBe(false);
    expect(cursor.take(at(2, 0n, start))).toBe(true);
  });

  it('ends at a cut if it started at the end of the topic', () => {
    for (const from of [undefined, { $case: 'start', value: Start.START_LATEST } as const]) {
      expect(() => afterEvent(request(from)).next(cut)).toThrow(cut);
    }
  });
});
