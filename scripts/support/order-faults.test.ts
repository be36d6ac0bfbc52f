import { describe, expect, it } from 'vitest';
import { Notification, NotificationState } from '#gen/notification/v1/notification.ts';
import { Order, OrderState } from '#gen/order/v1/order.ts';
import { AccountEvent } from '#gen/payment/v1/payment.ts';
import { acceptedFaults, chargeFaults, joinFaults, mailFaults, shipmentFaults, stockFaults } from './order-faults.ts';

const { ORDER_STATE_COMPLETED, ORDER_STATE_FAILED, ORDER_STATE_PENDING } = OrderState;
const euros = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });
const order = (state: OrderState = ORDER_STATE_COMPLETED, id = 'o1') =>
  Order.fromPartial({ id, state, total: euros(500n), items: [{ sku: 'lamp', quantity: 2 }] });
const completed = [order()];
const failed = [order(ORDER_STATE_FAILED)];

const none = { lost: [], doubled: [] };
const lost = (text: string) => ({ lost: [expect.stringContaining(text)], doubled: [] });
const doubled = (text: string) => ({ lost: [], doubled: expect.arrayContaining([expect.stringContaining(text)]) });

describe('the orders of accepted calls', () => {
  it('are lost if they do not exist or have not ended', () => {
    expect(acceptedFaults(completed, ['o1'])).toEqual(none);
    expect(acceptedFaults([], ['o1'])).toEqual(lost('order o1'));
    expect(acceptedFaults(completed, ['o1', 'o1'])).toEqual(lost('one of two orders o1'));
    expect(acceptedFaults([order(ORDER_STATE_PENDING)], ['o1'])).toEqual(lost('end of order o1'));
  });

  it('are doubled if there are more of them, unless a call failed that may have placed one', () => {
    const both = [...completed, order(ORDER_STATE_COMPLETED, 'o2')];
    expect(acceptedFaults(both, ['o1'])).toEqual(doubled('order o2'));
    expect(acceptedFaults(both, ['o1'], 1)).toEqual(none);
    expect(acceptedFaults(both, [], 1).doubled).toHaveLength(2);
  });
});

describe('the charges of orders', () => {
  const event = (type: string, minorUnits = 500n, id = 'o1') =>
    AccountEvent.fromPartial({ type, reference: `order:${id}`, amount: euros(minorUnits) });
  const [charge, refund] = [event('MONEY_WITHDRAWN'), event('MONEY_DEPOSITED')];

  it('are one if the order completed, and none or refunded otherwise', () => {
    const opened = AccountEvent.fromPartial({ type: 'MONEY_DEPOSITED', reference: 'load test', amount: euros(9n) });
    expect(chargeFaults(completed, [opened, charge])).toEqual(none);
    expect(chargeFaults(failed, [opened])).toEqual(none);
    expect(chargeFaults(failed, [charge, refund])).toEqual(none);
  });

  it('are lost if a completed order has none', () => {
    expect(chargeFaults(completed, [])).toMatchObject(lost('charge of order o1: 0 instead of 1'));
    expect(chargeFaults(completed, [charge, refund])).toMatchObject(lost('charge of order o1: 0 instead of 1'));
  });

  it('are doubled if there is a second one, another amount, one of an order that failed, or one of no order', () => {
    expect(chargeFaults(completed, [charge, charge])).toMatchObject(doubled('charge of order o1: 2 instead of 1'));
    expect(chargeFaults(completed, [charge, charge, refund])).toMatchObject(doubled('money of order o1'));
    expect(chargeFaults(completed, [event('MONEY_WITHDRAWN', 1_000n)])).toMatchObject(doubled('money of order o1'));
    expect(chargeFaults(failed, [charge])).toMatchObject(doubled('charge of order o1: 1 instead of 0'));
    expect(chargeFaults([], [charge])).toMatchObject(doubled('charge of order o1, which does not exist'));
  });
});

describe('the shipments of orders', () => {
  it('are one if the order completed, and none otherwise', () => {
    expect(shipmentFaults(completed, ['o1'])).toEqual(none);
    expect(shipmentFaults(failed, [])).toEqual(none);
    expect(shipmentFaults(completed, [])).toMatchObject(lost('shipment of order o1: 0 instead of 1'));
    expect(shipmentFaults(completed, ['o1', 'o1'])).toMatchObject(doubled('2 instead of 1'));
    expect(shipmentFaults(failed, ['o1'])).toMatchObject(doubled('1 instead of 0'));
    expect(shipmentFaults([], ['o1'])).toMatchObject(doubled('which does not exist'));
  });
});

describe('the mails of orders', () => {
  const mail = (template: string, state: NotificationState = NotificationState.NOTIFICATION_STATE_SENT) =>
    Notification.fromPartial({ orderId: 'o1', template, state });
  const [placed, ending] = [mail('order-placed'), mail('order-completed')];

  it('are one of each order that was placed, and one of its end', () => {
    expect(mailFaults(completed, [placed, ending])).toEqual(none);
    expect(mailFaults(failed, [placed, mail('order-failed')])).toEqual(none);
    expect(mailFaults(completed, [placed])).toMatchObject(lost('mail order-completed of order o1'));
    expect(mailFaults(completed, [placed, placed, ending])).toMatchObject(doubled('2 instead of 1'));
    expect(mailFaults(completed, [placed, ending, mail('order-failed')])).toMatchObject(doubled('mail order-failed'));
    const parked = mail('order-completed', NotificationState.NOTIFICATION_STATE_DEAD);
    expect(mailFaults(completed, [placed, ending, parked])).toMatchObject(lost('NOTIFICATION_STATE_DEAD'));
  });
});

describe('the stock', () => {
  const before = new Map([['lamp', 10n]]);
  const lamp = (onHand: bigint, reserved = 0n) => [{ sku: 'lamp', onHand, reserved }];

  it('is what completed orders left, without reservations', () => {
    expect(joinFaults(stockFaults(completed, before, lamp(8n)), stockFaults(failed, before, lamp(10n)))).toEqual(none);
    expect(stockFaults(completed, before, lamp(10n))).toMatchObject(lost('unit of item lamp: 0 instead of 2'));
    expect(stockFaults(completed, before, lamp(6n))).toMatchObject(doubled('unit of item lamp: 4 instead of 2'));
    expect(stockFaults(completed, before, lamp(8n, 2n))).toMatchObject(doubled('reserved unit of item lamp'));
  });
});
