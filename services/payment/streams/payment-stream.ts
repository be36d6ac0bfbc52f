import {
  type AggregateDefinition,
  defineEventTypes,
  type JsonObject,
  moneyFromJson,
  moneyToJson,
  type RecordedEvent,
} from '#mesh';
import { evolvePayment, type Payment, type PaymentChange } from '../domain/payment.ts';

const category = 'payment';

/** The events of payments, as they are stored. */
export const paymentEventTypes = defineEventTypes<PaymentChange>({
  PAYMENT_CHARGED: {
    upcasters: [],
    encode: ({ id, userId, amount }) => ({ id, userId, amount: moneyToJson(amount) }),
    decode: ({ id, userId, amount }) => ({
      type: 'PAYMENT_CHARGED',
      id: String(id),
      userId: String(userId),
      amount: moneyFromJson(amount),
    }),
  },
  PAYMENT_REFUNDED: {
    upcasters: [],
    encode: ({ id }) => ({ id }),
    decode: ({ id }) => ({ type: 'PAYMENT_REFUNDED', id: String(id) }),
  },
});

/** The payment of an order as what happened to it; `undefined` before anything did. */
export const paymentDefinition: AggregateDefinition<Payment | undefined, PaymentChange> = {
  category,
  initial: undefined,
  events: paymentEventTypes,
  evolve: (payment, change, event) => evolvePayment(payment, orderIdOf(event), change, event.timeMs),
  // It has two events at most.
  snapshots: { every: 100, schemaVersion: 1, encode: encodePayment, decode: decodePayment },
};

/** Whether an event happened to a payment. */
export function isOfPayment({ stream }: RecordedEvent): boolean {
  return stream.startsWith(`${category}-`);
}

/** The order whose payment an event happened to. */
export function orderIdOf({ stream }: RecordedEvent): string {
  return stream.slice(category.length + 1);
}

function encodePayment(payment: Payment | undefined): JsonObject {
  if (!payment) return {};
  const { amount, ...others } = payment;
  return amount ? { ...others, amount: moneyToJson(amount) } : others;
}

function decodePayment(data: JsonObject): Payment | undefined {
  if (data.id === undefined) return undefined;
  const amount = data.amount === undefined ? undefined : moneyFromJson(data.amount);
  return { ...(data as unknown as Payment), amount };
}
