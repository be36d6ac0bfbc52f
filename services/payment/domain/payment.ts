import type { Money } from '#mesh';
import { paymentExists, paymentRefunded } from '../errors.ts';

/** The life of a payment: charged, then perhaps refunded. */
export type PaymentState = 'CHARGED' | 'REFUNDED';

/** What an order was charged. A refund that came before any charge leaves one without user and amount. */
export interface Payment {
  readonly id: string;
  readonly orderId: string;
  readonly userId: string;
  readonly amount: Money | undefined;
  readonly state: PaymentState;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** What is to be charged. */
export interface Charge {
  readonly orderId: string;
  readonly userId: string;
  readonly amount: Money;
}

/** What can happen to a payment; `id` is its own. */
export type PaymentChange =
  | { readonly type: 'PAYMENT_CHARGED'; readonly id: string; readonly userId: string; readonly amount: Money }
  | { readonly type: 'PAYMENT_REFUNDED'; readonly id: string };

/**
 * What happens when an order is charged; `undefined` when it was charged just so before. Refuses an order that was refunded,
 * and one that was charged otherwise.
 */
export function chargePayment(payment: Payment | undefined, charge: Charge, id: string): PaymentChange | undefined {
  if (!payment) return { type: 'PAYMENT_CHARGED', id, userId: charge.userId, amount: charge.amount };
  if (payment.state === 'REFUNDED') throw paymentRefunded({ orderId: charge.orderId });
  if (!isOutcomeOf(payment, charge)) throw paymentExists({ orderId: charge.orderId });
  return undefined;
}

/**
 * What happens when an order is refunded; `undefined` when it was before. One that was never charged is marked, so that no
 * late charge succeeds.
 */
export function refundPayment(payment: Payment | undefined, id: string): PaymentChange | undefined {
  return payment?.state === 'REFUNDED' ? undefined : { type: 'PAYMENT_REFUNDED', id: payment?.id ?? id };
}

/** The payment of an order after something happened to it. */
export function evolvePayment(
  payment: Payment | undefined,
  orderId: string,
  change: PaymentChange,
  timeMs: number,
): Payment {
  const { id } = change;
  if (change.type === 'PAYMENT_CHARGED') {
    const { userId, amount } = change;
    return { id, orderId, userId, amount, state: 'CHARGED', createTimeMs: timeMs, updateTimeMs: timeMs };
  }
  if (payment) return { ...payment, state: 'REFUNDED', updateTimeMs: timeMs };
  const never = { userId: '', amount: undefined, state: 'REFUNDED' } as const;
  return { id, orderId, ...never, createTimeMs: timeMs, updateTimeMs: timeMs };
}

/** Whether a payment is the outcome of this very charge. */
function isOutcomeOf(payment: Payment, charge: Charge): boolean {
  return (
    payment.userId === charge.userId &&
    payment.amount?.currencyCode === charge.amount.currencyCode &&
    payment.amount.minorUnits === charge.amount.minorUnits
  );
}
