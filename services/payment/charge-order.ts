import type { Outbox } from '../../mesh/events/outbox.ts';
import { uuidv7 } from '../../mesh/ids/ids.ts';
import type { Transaction } from '../../mesh/storage/storage.ts';
import { paymentExists, paymentNotFound, paymentRefunded } from './errors.ts';
import { moveMoney } from './move-money.ts';
import { type Cause, type Charge, isOutcomeOf, occasionOf, type Payment } from './payment.ts';
import { findPayment, insertPayment } from './payment-store.ts';

/**
 * Charges a user's account for an order, once an order, whatever the request id. Refuses what the account does not allow,
 * an order that was refunded, and one that was charged otherwise.
 */
export async function chargeOrder(tx: Transaction, charge: Charge, cause: Cause, outbox: Outbox): Promise<Payment> {
  const { orderId, userId, amount } = charge;
  const { timeMs } = cause;
  const payment: Payment = {
    id: uuidv7(timeMs),
    orderId,
    userId,
    amount,
    state: 'CHARGED',
    createTimeMs: timeMs,
    updateTimeMs: timeMs,
  };
  if (!(await insertPayment(tx, payment))) return chargedBefore(tx, charge);
  const occasion = occasionOf(orderId, cause);
  await moveMoney(tx, { accountId: userId, type: 'MONEY_WITHDRAWN', amount, occasion, payment }, outbox);
  return payment;
}

async function chargedBefore(tx: Transaction, charge: Charge): Promise<Payment> {
  const payment = await findPayment(tx, charge.orderId);
  if (!payment) throw paymentNotFound(charge.orderId);
  if (payment.state === 'REFUNDED') throw paymentRefunded(charge.orderId);
  if (!isOutcomeOf(payment, charge)) throw paymentExists(charge.orderId);
  return payment;
}
