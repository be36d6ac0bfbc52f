import type { AuditCheck, AuditProgress, Finding } from '../../mesh/audit/audit.ts';
import { auditStream, streamsAfter } from '../../mesh/event-store/audit-stream.ts';
import type { EventStore, RecordedEvent } from '../../mesh/event-store/event-store.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import { createBreath } from '../../mesh/telemetry/breath.ts';
import type { Account, Movement } from './account.ts';
import { isOutside } from './ledger.ts';
import type { Books } from './open-books.ts';
import type { Payment } from './payment.ts';
import { postingsOf } from './postings.ts';

/** What the events of accounts are checked with. */
export interface AccountAuditDeps {
  readonly storage: Storage;
  readonly store: EventStore;
  readonly books: Books;
}

const orderReference = 'order:';

/**
 * Checks every account's history: no event is missing or changed, each balance follows from the one before, no balance is
 * below zero, each movement has another side, snapshots are what the events come to, and what was charged for an order is
 * what its payment says.
 */
export function auditAccounts({ storage, store, books }: AccountAuditDeps): AuditCheck {
  const { accounts } = books;

  async function* auditAccount(stream: string, signal: AbortSignal): AsyncGenerator<Finding> {
    const nets = new Map<string, bigint>();
    const found: Finding[] = [];
    const each = (event: RecordedEvent, before: Account | undefined, after: Account | undefined): void => {
      const change = accounts.definition.events.decode(event);
      if (change.type === 'ACCOUNT_OPENED') return;
      found.push(...faultsOf(event, change, before, after));
      if (!change.counterpart.startsWith('@sales') || !change.reference.startsWith(orderReference)) return;
      const orderId = change.reference.slice(orderReference.length);
      const amount = change.amount.minorUnits;
      nets.set(orderId, (nets.get(orderId) ?? 0n) + (change.type === 'MONEY_WITHDRAWN' ? amount : -amount));
    };
    for await (const finding of auditStream({
      storage,
      store,
      stream,
      definition: accounts.definition,
      each,
      signal,
    })) {
      yield finding;
    }
    yield* found;
    const accountId = stream.slice(accounts.streamOf('').length);
    for (const [orderId, charged] of nets) {
      const { state: payment } = await books.payments.load(storage, orderId);
      // A payment that was refunded since is read with a history that is older.
      if (!fits(payment, accountId, charged) && !(await fitsNow(orderId, accountId))) {
        yield paymentDiffers(orderId, accountId, charged, payment);
      }
    }
  }

  /** The same question, to what both say in one moment. */
  async function fitsNow(orderId: string, accountId: string): Promise<boolean> {
    const events = await store.getEvents(accounts.streamOf(accountId));
    const { state: payment } = await books.payments.load(storage, orderId);
    const again = await store.getEvents(accounts.streamOf(accountId));
    const netOf = (history: readonly RecordedEvent[]): bigint =>
      history
        .map((event) => accounts.definition.events.decode(event))
        .filter((change) => change.type !== 'ACCOUNT_OPENED' && change.reference === `${orderReference}${orderId}`)
        .flatMap((change) => postingsOf(accountId, change))
        .filter((posting) => posting.accountId === accountId)
        .reduce((sum, { minorUnits }) => sum - minorUnits, 0n);
    return fits(payment, accountId, netOf(events)) || fits(payment, accountId, netOf(again));
  }

  return {
    name: 'payment/account-events',
    async *run(progress: AuditProgress, signal: AbortSignal) {
      const breath = createBreath();
      for await (const stream of streamsAfter(storage, accounts.streamOf(''), signal)) {
        yield* auditAccount(stream, signal);
        progress.examined(1);
        await breath();
      }
    },
  };
}

function faultsOf(
  event: RecordedEvent,
  movement: Movement,
  before: Account | undefined,
  after: Account | undefined,
): Finding[] {
  const { stream, version } = event;
  const ids = [stream, version.toString()];
  const at = `event ${version} of ${stream}`;
  const faults: Finding[] = [];
  const [previous, next] = [before?.balance.minorUnits, after?.balance.minorUnits];
  if (movement.previousBalance.minorUnits !== previous || movement.newBalance.minorUnits !== next) {
    const says = `${movement.previousBalance.minorUnits} before and ${movement.newBalance.minorUnits} after`;
    const message = `${at} says that the balance was ${says}, but those before it come to ${previous} and ${next}`;
    faults.push({ reason: 'BALANCE_CHAIN_BROKEN', ids, message });
  }
  if (next === undefined || next < 0n) {
    faults.push({ reason: 'BALANCE_BELOW_ZERO', ids, message: `${at} leaves a balance of ${next}` });
  }
  const sum = postingsOf(stream, movement).reduce((total, { minorUnits }) => total + minorUnits, 0n);
  if (sum !== 0n || !isOutside(movement.counterpart)) {
    faults.push({ reason: 'ENTRY_UNBALANCED', ids, message: `${at} does not move money between two accounts` });
  }
  return faults;
}

/** Whether a payment explains what an account was charged for its order, less what it got back. */
function fits(payment: Payment | undefined, accountId: string, charged: bigint): boolean {
  if (!payment || payment.userId !== accountId) return false;
  return charged === (payment.state === 'CHARGED' ? payment.amount?.minorUnits : 0n);
}

function paymentDiffers(orderId: string, accountId: string, charged: bigint, payment: Payment | undefined): Finding {
  const says = payment ? `${payment.state} ${payment.amount?.minorUnits} of account ${payment.userId}` : 'nothing';
  return {
    reason: 'PAYMENT_DIFFERS',
    ids: [orderId, accountId],
    message: `account ${accountId} was charged ${charged} minor units for order ${orderId}, but the payment says ${says}`,
  };
}
