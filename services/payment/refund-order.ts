import { type Transaction, uuidv7 } from '#mesh';
import { moveMoneyIn } from './change-account.ts';
import { changePayment } from './change-payment.ts';
import { type Payment, refundPayment } from './domain/payment.ts';
import type { Cause } from './make-change.ts';
import type { Books } from './streams/open-books.ts';

/** Gives back what an order was charged, once; an order that never was is marked, so that no late charge succeeds. */
export async function refundOrder(tx: Transaction, books: Books, orderId: string, cause: Cause): Promise<Payment> {
  const id = uuidv7(cause.timeMs);
  const { payment, changed } = await changePayment(tx, books, orderId, cause, (before) => refundPayment(before, id));
  const { userId, amount } = payment;
  if (changed && amount) {
    const reference = `order:${orderId}`;
    const movement = { accountId: userId, type: 'MONEY_DEPOSITED', amount, reference, purpose: 'order' } as const;
    await moveMoneyIn(tx, books, movement, cause, payment);
  }
  return payment;
}
