import type { Money, Occasion } from './account.ts';

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

/** What a payment is made or refunded by. */
export type Cause = Pick<Occasion, 'correlationId' | 'timeMs'>;

/** What the account's event says of a payment for an order. */
export function occasionOf(orderId: string, cause: Cause): Occasion {
  return { ...cause, reference: `order:${orderId}` };
}

/** Whether a payment is the outcome of this very charge. */
export function isOutcomeOf(payment: Payment, charge: Charge): boolean {
  return (
    payment.userId === charge.userId &&
    payment.amount?.currencyCode === charge.amount.currencyCode &&
    payment.amount.minorUnits === charge.amount.minorUnits
  );
}
