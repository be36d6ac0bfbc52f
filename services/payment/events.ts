import { PaymentEvent } from '#gen/payment/v1/events.ts';
import type { DomainEvent } from '#mesh';
import type { AccountEvent } from './account-event.ts';
import type { Payment } from './domain/payment.ts';
import { accountEventToProto, paymentToProto } from './proto.ts';

/** Where accounts and payments tell of their changes. */
export const paymentTopic = 'payment.events';

/** What is published of an account's event, with the payment that moved the money where one did. */
export function paymentEvent(event: AccountEvent, payment?: Payment): DomainEvent {
  const message: PaymentEvent = {
    type: event.type,
    timestamp: new Date(event.timeMs),
    accountEvent: accountEventToProto(event),
    payment: payment && paymentToProto(payment),
  };
  return {
    topic: paymentTopic,
    key: event.accountId,
    type: event.type,
    version: event.version,
    timeMs: event.timeMs,
    json: PaymentEvent.toJSON(message),
  };
}
