import { uuidv7 } from '../../mesh/ids/ids.ts';
import type { Transaction } from '../../mesh/storage/storage.ts';
import type { Occasion } from './account.ts';
import { paymentNotFound } from './errors.ts';
import type { MoveMoney } from './move-money.ts';
import type { Payment } from './payment.ts';
import { findPayment, insertPayment, markRefunded } from './payment-store.ts';

/** Gives back what an order was charged, once; an order that never was is marked, so that no late charge succeeds. */
export type RefundOrder = (tx: Transaction, orderId: string, occasion: Omit<Occasion, 'reference'>) => Promise<Payment>;

export function createRefundOrder(moveMoney: MoveMoney): RefundOrder {
  return async (tx, orderId, occasion) => {
    const { timeMs } = occasion;
    const neverCharged: Payment = {
      id: uuidv7(timeMs),
      orderId,
      userId: '',
      amount: undefined,
      state: 'REFUNDED',
      createTimeMs: timeMs,
      updateTimeMs: timeMs,
    };
    if (await insertPayment(tx, neverCharged)) return neverCharged;
    const refunded = await markRefunded(tx, orderId, timeMs);
    if (!refunded) return refundedBefore(tx, orderId);
    if (refunded.amount) {
      await moveMoney(tx, {
        accountId: refunded.userId,
        type: 'MONEY_DEPOSITED',
        amount: refunded.amount,
        occasion: { ...occasion, reference: `order:${orderId}` },
        payment: refunded,
      });
    }
    return refunded;
  };
}

async function refundedBefore(tx: Transaction, orderId: string): Promise<Payment> {
  const payment = await findPayment(tx, orderId);
  if (!payment) throw paymentNotFound(orderId);
  return payment;
}
