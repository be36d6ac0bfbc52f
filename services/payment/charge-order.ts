import { type Cause, type Transaction, uuidv7 } from '#mesh';
import { type MovementRequest, moveMoney } from './domain/account.ts';
import { type Charge, chargePayment, type Payment, refundPayment } from './domain/payment.ts';
import { paymentEventOf } from './events.ts';
import type { Accounts } from './streams/account-stream.ts';
import type { Payments } from './streams/payment-stream.ts';

interface Deps {
  readonly accounts: Accounts;
  readonly payments: Payments;
}

/**
 * Charges a user's account for an order, once per order, whatever the request id. Refuses what the account does not allow,
 * an order that was refunded, and one that was charged with another user or amount.
 */
export async function chargeOrder(tx: Transaction, charge: Charge, cause: Cause, deps: Deps): Promise<Payment> {
  const { orderId, userId, amount } = charge;
  const id = uuidv7(cause.timeMs);
  const decide = (before: Payment | undefined) => chargePayment(before, charge, id);
  const { state: payment, recorded } = await deps.payments.changeIn(tx, orderId, decide, cause);
  if (recorded.length > 0) {
    await moveForOrder(tx, { accountId: userId, type: 'MONEY_WITHDRAWN', amount }, payment, cause, deps);
  }
  return payment;
}

/** Refunds what an order was charged, once. An order that was never charged is marked, so no late charge succeeds. */
export async function refundOrder(tx: Transaction, orderId: string, cause: Cause, deps: Deps): Promise<Payment> {
  const id = uuidv7(cause.timeMs);
  const decide = (before: Payment | undefined) => refundPayment(before, id);
  const { state: payment, recorded } = await deps.payments.changeIn(tx, orderId, decide, cause);
  const { userId, amount } = payment;
  if (recorded.length > 0 && amount) {
    await moveForOrder(tx, { accountId: userId, type: 'MONEY_DEPOSITED', amount }, payment, cause, deps);
  }
  return payment;
}

/** Moves money for an order, and publishes it with the payment. */
async function moveForOrder(
  tx: Transaction,
  movement: Pick<MovementRequest, 'accountId' | 'type' | 'amount'>,
  payment: Payment,
  cause: Cause,
  { accounts }: Deps,
): Promise<void> {
  const wanted: MovementRequest = { ...movement, reference: `order:${payment.orderId}`, purpose: 'order' };
  await accounts.changeIn(tx, wanted.accountId, (account) => moveMoney(account, wanted), {
    ...cause,
    publish: paymentEventOf(payment),
  });
}
