import { uuidv7 } from '../../mesh/ids/ids.ts';
import type { Transaction } from '../../mesh/storage/storage.ts';
import type { Occasion } from './account.ts';
import { paymentExists, paymentNotFound, paymentRefunded } from './errors.ts';
import type { MoveMoney } from './move-money.ts';
import { type Charge, isOutcomeOf, type Payment } from './payment.ts';
import { findPayment, insertPayment } from './payment-store.ts';

/** Charges a user's account for an order, once an order, whatever the request id. */
export type ChargeOrder = (tx: Transaction, charge: Charge, occasion: Omit<Occasion, 'reference'>) => Promise<Payment>;

export function createChargeOrder(moveMoney: MoveMoney): ChargeOrder {
  return async (tx, charge, occasion) => {
    const { orderId, userId, amount } = charge;
    const { timeMs } = occasion;
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
    await moveMoney(tx, {
      accountId: userId,
      type: 'MONEY_WITHDRAWN',
      amount,
      occasion: { ...occasion, reference: `order:${orderId}` },
      payment,
    });
    return payment;
  };
}

async function chargedBefore(tx: Transaction, charge: Charge): Promise<Payment> {
  const payment = await findPayment(tx, charge.orderId);
  if (!payment) throw paymentNotFound(charge.orderId);
  if (payment.state === 'REFUNDED') throw paymentRefunded(charge.orderId);
  if (!isOutcomeOf(payment, charge)) throw paymentExists(charge.orderId);
  return payment;
}
