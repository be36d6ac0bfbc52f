import {
  type AggregateDefinition,
  type Aggregates,
  defineEventTypes,
  moneyFromJson,
  moneyToJson,
  type RecordedEvent,
} from '#mesh';
import { evolvePayment, type Payment, type PaymentChange } from '../domain/payment.ts';

const category = 'payment';

/** The stored events of payments. */
export const paymentEventTypes = defineEventTypes<PaymentChange>({
  PAYMENT_CHARGED: {
    encode: ({ id, userId, amount, owner }) => ({ id, userId, amount: moneyToJson(amount), ...(owner && { owner }) }),
    // Charges of the order service have no owner, as all had before there were others.
    decode: ({ id, userId, amount, owner = '' }) => ({
      type: 'PAYMENT_CHARGED',
      id: String(id),
      userId: String(userId),
      amount: moneyFromJson(amount),
      owner: String(owner),
    }),
  },
  PAYMENT_REFUNDED: {
    encode: ({ id }) => ({ id }),
    decode: ({ id }) => ({ type: 'PAYMENT_REFUNDED', id: String(id) }),
  },
});

/** The payments of the service, by their orders' ids. */
export type Payments = Aggregates<Payment, PaymentChange>;

/** It has two events at most, so it needs no snapshots. */
export const paymentDefinition: AggregateDefinition<Payment, PaymentChange> = {
  category,
  events: paymentEventTypes,
  evolve: (payment, change, event, orderId) => evolvePayment(payment, orderId, change, event.timeMs),
};

/** Whether an event belongs to a payment. */
export function isOfPayment({ stream }: RecordedEvent): boolean {
  return stream.startsWith(`${category}-`);
}

/** Returns the id of the order whose payment an event belongs to. */
export function orderIdOf({ stream }: RecordedEvent): string {
  return stream.slice(category.length + 1);
}
