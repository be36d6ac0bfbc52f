import { PaymentEvent } from '#gen/payment/v1/events.ts';
import { type DomainEvent, defineTopic, type RecordedEvent } from '#mesh';
import type { AccountChange } from './domain/account.ts';
import type { Payment } from './domain/payment.ts';
import { accountEventToProto, paymentToProto } from './proto.ts';
import { accountEventOf } from './streams/account-stream.ts';

/** Every change of an account, keyed by the account's id. */
export const paymentTopic = defineTopic('payment.events', PaymentEvent, {
  key: ({ accountEvent }) => accountEvent?.accountId ?? '',
  version: ({ accountEvent }) => accountEvent?.version ?? 0n,
});

/** Makes what is published for an account's event, with the payment that moved the money, if any. */
export function paymentEventOf(payment?: Payment): (event: RecordedEvent, change: AccountChange) => DomainEvent {
  return (event, change) =>
    paymentTopic.event({
      type: event.type,
      timestamp: new Date(event.timeMs),
      accountEvent: accountEventToProto(accountEventOf(event, change)),
      payment: payment && paymentToProto(payment),
    });
}
