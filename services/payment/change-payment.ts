import type { Transaction } from '#mesh';
import type { Payment, PaymentChange } from './domain/payment.ts';
import { paymentNotFound } from './errors.ts';
import type { Cause } from './make-change.ts';
import type { Books } from './streams/open-books.ts';

/** Decides on the payment of an order as it is, and keeps what happened; it says whether something did. */
export async function changePayment(
  tx: Transaction,
  { payments }: Books,
  orderId: string,
  cause: Cause,
  decide: (payment: Payment | undefined) => PaymentChange | undefined,
): Promise<{ readonly payment: Payment; readonly changed: boolean }> {
  const loaded = await payments.load(tx, orderId);
  const change = decide(loaded.state);
  const { state } = change ? await payments.append(tx, orderId, loaded, [change], cause) : loaded;
  if (!state) throw paymentNotFound({ orderId });
  return { payment: state, changed: change !== undefined };
}
