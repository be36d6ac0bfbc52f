import { describe, expect, it } from 'vitest';
import { Order, OrderState } from '#gen/order/v1/order.ts';
import { Payment, PaymentState } from '#gen/payment/v1/payment.ts';
import { judgeCharge } from './judge-charge.ts';

const euros = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });
const order = (state: keyof typeof OrderState) =>
  Order.fromPartial({ id: 'o1', userId: 'ada', total: euros(500n), state: OrderState[state] });
const charge = Payment.fromPartial({
  id: 'p1',
  orderId: 'o1',
  userId: 'ada',
  amount: euros(500n),
  state: PaymentState.PAYMENT_STATE_CHARGED,
});
const refund = { ...charge, state: PaymentState.PAYMENT_STATE_REFUNDED };

const states = {
  PENDING: order('ORDER_STATE_PENDING'),
  RESERVED: order('ORDER_STATE_RESERVED'),
  PAID: order('ORDER_STATE_PAID'),
  SHIPPED: order('ORDER_STATE_SHIPPED'),
  COMPLETED: order('ORDER_STATE_COMPLETED'),
  COMPENSATING: order('ORDER_STATE_COMPENSATING'),
  FAILED: order('ORDER_STATE_FAILED'),
  CANCELLED: order('ORDER_STATE_CANCELLED'),
  NEEDS_ATTENTION: order('ORDER_STATE_NEEDS_ATTENTION'),
};
const payments = { charged: charge, refunded: refund, none: undefined };

const ok = undefined;
const [ended, notCharged, refunded] = ['CHARGE_OF_ENDED_ORDER', 'ORDER_NOT_CHARGED', 'REFUND_OF_COMPLETED_ORDER'];
/** What is wrong with an order in each state when its payment is charged, refunded, not there. */
const verdicts = {
  PENDING: [ok, ok, ok],
  RESERVED: [ok, ok, ok],
  PAID: [ok, notCharged, notCharged],
  SHIPPED: [ok, notCharged, notCharged],
  COMPLETED: [ok, refunded, notCharged],
  COMPENSATING: [ok, ok, ok],
  FAILED: [ended, ok, ok],
  CANCELLED: [ended, ok, ok],
  NEEDS_ATTENTION: [ok, ok, ok],
};

describe('an order and its payment', () => {
  it.each(Object.keys(states) as (keyof typeof states)[])('in %s', (state) => {
    const found = Object.values(payments).map((payment) => judgeCharge('o1', states[state], payment));
    expect(found.map((finding) => finding?.reason)).toEqual(verdicts[state]);
    for (const finding of found) if (finding) expect(finding.ids).toEqual(['o1']);
  });

  it('do not fit when the amount, the currency or the user differ', () => {
    const differing = [
      { ...charge, amount: euros(501n) },
      { ...charge, amount: { currencyCode: 'USD', minorUnits: 500n } },
      { ...charge, amount: undefined },
      { ...charge, userId: 'tom' },
    ];
    for (const state of ['PENDING', 'COMPLETED', 'COMPENSATING'] as const) {
      for (const payment of differing) {
        expect(judgeCharge('o1', states[state], payment)).toMatchObject({ reason: 'CHARGE_DIFFERS', ids: ['o1'] });
      }
    }
    expect(judgeCharge('o1', states.PAID, { ...charge, amount: euros(501n) })?.message).toBe(
      'order o1 is over 500 minor units of EUR of user ada, but its payment p1 over 501 minor units of EUR of user ada',
    );
  });

  it('without an order is wrong where it is charged', () => {
    expect(judgeCharge('o1', undefined, charge)).toEqual({
      reason: 'CHARGE_WITHOUT_ORDER',
      ids: ['o1'],
      message: 'payment p1 is for order o1, and there is no such order',
    });
    expect(judgeCharge('o1', undefined, refund)).toBeUndefined();
  });
});
