import { describe, expect, it } from 'vitest';
import { Payment, PaymentState } from '#gen/payment/v1/payment.ts';
import { ordersByState } from '../../testing/orders.ts';
import { judgeCharge } from './judge-charge.ts';

const euros = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });
const charge = Payment.fromPartial({
  id: 'p1',
  orderId: 'o1',
  userId: 'ada',
  amount: euros(500n),
  state: PaymentState.PAYMENT_STATE_CHARGED,
});
const refund = { ...charge, state: PaymentState.PAYMENT_STATE_REFUNDED };

const orders = ordersByState({ id: 'o1', userId: 'ada', total: euros(500n) });
const payments = { charged: charge, refunded: refund, none: undefined };

const ok = undefined;
const [ended, notCharged, refunded] = ['CHARGE_OF_ENDED_ORDER', 'ORDER_NOT_CHARGED', 'REFUND_OF_COMPLETED_ORDER'];
/** What is wrong with an order in each state if its payment is charged, refunded or missing. */
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

describe('judgeCharge', () => {
  it.each(Object.keys(orders) as (keyof typeof orders)[])('judges each payment of an order that is %s', (state) => {
    const found = Object.values(payments).map((payment) => judgeCharge('o1', orders[state], payment));
    expect(found.map((finding) => finding?.reason)).toEqual(verdicts[state]);
    for (const finding of found) if (finding) expect(finding.ids).toEqual(['o1']);
  });

  it('reports a payment with another amount, currency or user', () => {
    const differing = [
      { ...charge, amount: euros(501n) },
      { ...charge, amount: { currencyCode: 'USD', minorUnits: 500n } },
      { ...charge, amount: undefined },
      { ...charge, userId: 'tom' },
    ];
    for (const state of ['PENDING', 'COMPLETED', 'COMPENSATING'] as const) {
      for (const payment of differing) {
        expect(judgeCharge('o1', orders[state], payment)).toMatchObject({ reason: 'CHARGE_DIFFERS', ids: ['o1'] });
      }
    }
    expect(judgeCharge('o1', orders.PAID, { ...charge, amount: euros(501n) })?.message).toBe(
      'order o1 is over 500 minor units of EUR of user ada, but its payment p1 over 501 minor units of EUR of user ada',
    );
  });

  it('reports a charge without an order', () => {
    expect(judgeCharge('o1', undefined, charge)).toEqual({
      reason: 'CHARGE_WITHOUT_ORDER',
      ids: ['o1'],
      message: 'payment p1 is for order o1, which does not exist',
    });
    expect(judgeCharge('o1', undefined, refund)).toBeUndefined();
  });
});
