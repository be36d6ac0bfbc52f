import type { Money } from '#mesh';
import { paymentExists, paymentRefunded } from '../errors.ts';

export type PaymentState = 'CHARGED' | 'REFUNDED';

/** The payment of an order. A refund before any charge creates one without user and amount. */
export interface Payment {
  readonly id: string;
  readonly orderId: string;
  readonly userId: string;
  readonly amount: Money | undefined;
  readonly state: PaymentState;
  /** The service that charged; '' for the order service. */
  readonly owner: string;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** A charge to decide on. */
export interface Charge {
  readonly orderId: string;
  readonly userId: string;
  readonly amount: Money;
  readonly owner: string;
}

/** What can happen to a payment. `id` is the payment's. */
export type PaymentChange =
  | ({ readonly type: 'PAYMENT_CHARGED'; readonly id: string } & Pick<Charge, 'userId' | 'amount' | 'owner'>)
  | { readonly type: 'PAYMENT_REFUNDED'; readonly id: string };

/**
 * Decides to charge an order. Returns `undefined` if this charge was made before. Throws FAILED_PRECONDITION
 * `PAYMENT_REFUNDED`, and ALREADY_EXISTS `PAYMENT_EXISTS` if the user, the amount or the owner differs.
 */
export function chargePayment(payment: Payment | undefined, charge: Charge, id: string): PaymentChange | undefined {
  const { userId, amount, owner } = charge;
  if (!payment) return { type: 'PAYMENT_CHARGED', id, userId, amount, owner };
  if (payment.state === 'REFUNDED') throw paymentRefunded({ orderId: charge.orderId });
  if (!isOutcomeOf(payment, charge)) throw paymentExists({ orderId: charge.orderId });
  return undefined;
}

/**
 * Decides to refund an order. Returns `undefined` if it was refunded before. An order that was never charged is marked as
 * refunded, so no late charge succeeds.
 */
export function refundPayment(payment: Payment | undefined, id: string): PaymentChange | undefined {
  return payment?.state === 'REFUNDED' ? undefined : { type: 'PAYMENT_REFUNDED', id: payment?.id ?? id };
}

/** Returns the payment of an order after a change. */
export function evolvePayment(
  payment: Payment | undefined,
  orderId: string,
  change: PaymentChange,
  timeMs: number,
): Payment {
  const { id } = change;
  if (change.type === 'PAYMENT_CHARGED') {
    const { userId, amount, owner } = change;
    return { id, orderId, userId, amount, owner, state: 'CHARGED', createTimeMs: timeMs, updateTimeMs: timeMs };
  }
  if (payment) return { ...payment, state: 'REFUNDED', updateTimeMs: timeMs };
  const never = { userId: '', amount: undefined, owner: '', state: 'REFUNDED' } as const;
  return { id, orderId, ...never, createTimeMs: timeMs, updateTimeMs: timeMs };
}

/** Whether a payment is the result of this charge. */
function isOutcomeOf(payment: Payment, charge: Charge): boolean {
  return (
    payment.userId === charge.userId &&
    payment.owner === charge.owner &&
    payment.amount?.currencyCode === charge.amount.currencyCode &&
    payment.amount.minorUnits === charge.amount.minorUnits
  );
}
