import { type Aggregates, createAggregates, type EventStore, type Logger, type Outbox } from '#mesh';
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
