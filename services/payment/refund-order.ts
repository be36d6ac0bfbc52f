import type { Outbox } from '../../mesh/events/outbox.ts';
import { uuidv7 } from '../../mesh/ids/ids.ts';
import type { Transaction } from '../../mesh/storage/storage.ts';
import { paymentNotFound } from './errors.ts';
import { moveMoney } from './move-money.ts';
import { type Cause, occasionOf, type Payment } from './payment.ts';
import { findPayment, insertPayment, markRefunded } from './payment-store.ts';

/** Gives back what an order was charged, once; an order that never was is marked, so that no late charge succeeds. */
export async function refundOrder(tx: Transaction, orderId: string, cause: Cause, outbox: Outbox): Promise<Payment> {
  const { timeMs } = cause;
  // Before looking for a payment, because one could be made in between.
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
  const payment = await markRefunded(tx, orderId, timeMs);
  if (!payment) return refundedBefore(tx, orderId);
  const { userId, amount } = payment;
  const occasion = occasionOf(orderId, cause);
  if (amount) await moveMoney(tx, { accountId: userId, type: 'MONEY_DEPOSITED', amount, occasion, payment }, outbox);
  return payment;
}

async function refundedBefore(tx: Transaction, orderId: string): Promise<Payment> {
  const payment = await findPayment(tx, orderId);
  if (!payment) throw paymentNotFound(orderId);
  return payment;
}
