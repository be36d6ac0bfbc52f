import { type Aggregates, createAggregates } from '../../../mesh/event-store/aggregates/aggregate.ts';
import type { EventStore } from '../../../mesh/event-store/event-store.ts';
import type { Outbox } from '../../../mesh/events/outbox/outbox.ts';
import type { Logger } from '../../../mesh/telemetry/logger.ts';
import type { Account, AccountChange } from '../domain/account.ts';
import type { Payment, PaymentChange } from '../domain/payment.ts';
import { accountDefinition } from './account-stream.ts';
import { paymentDefinition } from './payment-stream.ts';

/** Accounts, payments, and where their changes are told of. */
export interface Books {
  readonly accounts: Aggregates<Account | undefined, AccountChange>;
  readonly payments: Aggregates<Payment | undefined, PaymentChange>;
  readonly outbox: Outbox;
}

/** Opens the books that are kept in an event store. */
export function openBooks(store: EventStore, outbox: Outbox, logger: Logger): Books {
  return {
    accounts: createAggregates(store, accountDefinition, logger),
    payments: createAggregates(store, paymentDefinition, logger),
    outbox,
  };
}
