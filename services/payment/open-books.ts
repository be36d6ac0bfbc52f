import { type Aggregates, createAggregates } from '../../mesh/event-store/aggregate.ts';
import type { EventStore } from '../../mesh/event-store/event-store.ts';
import type { Outbox } from '../../mesh/events/outbox.ts';
import type { Logger } from '../../mesh/telemetry/logger.ts';
import type { Account, AccountChange } from './account.ts';
import type { Payment, PaymentChange } from './payment.ts';
import { accountDefinition } from './stored-account.ts';
import { paymentDefinition } from './stored-payment.ts';

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
