import { type Aggregates, createAggregates } from '../../mesh/event-store/aggregate.ts';
import type { EventStore } from '../../mesh/event-store/event-store.ts';
import { retryOnConflict } from '../../mesh/event-store/retry-conflict.ts';
import type { Outbox } from '../../mesh/events/outbox.ts';
import type { Idempotency, RepeatableMethod } from '../../mesh/idempotency/idempotency.ts';
import type { MeshCallContext } from '../../mesh/server/call-context.ts';
import type { Transaction } from '../../mesh/storage/storage.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
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

/** What a change is made by. */
export interface Cause {
  readonly correlationId: string;
  readonly timeMs: number;
}

/** Makes a change of an account, once a request id. */
export type MakeChange = <Request extends { requestId: string }, Response>(
  method: RepeatableMethod<Request, Response>,
  request: Request,
  accountId: string,
  context: MeshCallContext,
  change: (tx: Transaction, cause: Cause) => Promise<Response>,
) => Promise<Response>;

/**
 * Changes of one account wait for each other within this process and share commits, so that an account that many orders
 * charge keeps up; where another process comes first, the change is decided anew until the caller's deadline.
 */
export function createMakeChange(idempotency: Idempotency, clock: Clock): MakeChange {
  return (method, request, accountId, { requestId, signal }, change) =>
    retryOnConflict(clock, signal, () =>
      idempotency.once(method, request, (tx) => change(tx, { correlationId: requestId, timeMs: clock.now() }), {
        lane: `account-${accountId}`,
        signal,
      }),
    );
}
