import { type Transaction, uuidv7 } from '#mesh';
import { moveMoneyIn } from './change-account.ts';
import { changePayment } from './change-payment.ts';
import { type Charge, chargePayment, type Payment } from './domain/payment.ts';
import type { Cause } from './make-change.ts';
import type { Books } from './streams/open-books.ts';

/**
 * Charges a user's account for an order, once an order, whatever the request id. Refuses what the account does not allow,
 * an order that was refunded, and one that was charged otherwise.
 */
export async function chargeOrder(tx: Transaction, books: Books, charge: Charge, cause: Cause): Promise<Payment> {
  const { orderId, userId, amount } = charge;
  const id = uuidv7(cause.timeMs);
  const { payment, changed } = await changePayment(tx, books, orderId, cause, (before) =>
    chargePayment(before, charge, id),
  );
  if (changed) {
    const reference = `order:${orderId}`;
    const movement = { accountId: userId, type: 'MONEY_WITHDRAWN', amount, reference, purpose: 'order' } as const;
    await moveMoneyIn(tx, books, movement, cause, payment);
  }
  return payment;
}
