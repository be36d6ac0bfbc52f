import { PaymentEvent } from '#gen/payment/v1/events.ts';
import { type DomainEvent, defineTopic } from '#mesh';
import type { AccountEvent } from './account-event.ts';
import type { Payment } from './domain/payment.ts';
import { accountEventToProto, paymentToProto } from './proto.ts';

/** Every change of an account, keyed by the account's id. */
export const paymentTopic = defineTopic('payment.events', PaymentEvent, {
  key: ({ accountEvent }) => accountEvent?.accountId ?? '',
  version: ({ accountEvent }) => accountEvent?.version ?? 0n,
});

/** What is published of an account's event, with the payment that moved the money where one did. */
export function paymentEvent(event: AccountEvent, payment?: Payment): DomainEvent {
  return paymentTopic.event({
    type: event.type,
    timestamp: new Date(event.timeMs),
    accountEvent: accountEventToProto(event),
    payment: payment && paymentToProto(payment),
  });
}
