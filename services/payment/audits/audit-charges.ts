import { crc32 } from 'node:zlib';
import {
  type AuditCheck,
  type AuditProgress,
  type Clock,
  type EventStore,
  eventFault,
  type Finding,
  type RecordedEvent,
} from '#mesh';
import { paymentDiffers } from '../errors.ts';
import { isOfPayment } from '../streams/payment-stream.ts';
import { type LedgerEntry, sumEntries } from './ledger-entries.ts';

export interface ChargeAuditDeps {
  readonly store: EventStore;
  readonly clock: Clock;
}

const bucketCount = 2 ** 20;

/**
 * Checks that the charges of payments and of accounts match, in both directions, and that the events of payments are
 * intact. Both sides of a charge are written in one transaction and sum to zero. A first pass sums in buckets, so memory is
 * bounded for any number of orders; a second pass finds the orders in the buckets that differ.
 */
export function auditCharges(deps: ChargeAuditDeps): AuditCheck {
  return {
    name: 'payment/charges',
    async *run(progress: AuditProgress, signal: AbortSignal): AsyncGenerator<Finding> {
      const faults = new Map<string, Finding>();
      const noteFault = (event: RecordedEvent, error: unknown): void => {
        const fault = eventFault(event.stream, error);
        // Events of accounts are checked by payment/account-events.
        if (isOfPayment(event)) faults.set(fault.ids.join(' '), fault);
      };
      const buckets = await sumEntries({ ...deps, signal, keyOf: bucketOf, refused: noteFault });
      progress.examined(buckets.entries);
      if (buckets.differences.size > 0) {
        const keyOf = (entry: LedgerEntry) => (buckets.differences.has(bucketOf(entry)) ? orderKey(entry) : undefined);
        const { differences } = await sumEntries({ ...deps, signal, keyOf, refused: noteFault });
        for (const [key, difference] of differences) yield paymentDiffersFinding(key, difference);
      }
      yield* faults.values();
    },
  };
}

function orderKey({ accountId, orderId }: LedgerEntry): string {
  return `${accountId}/${orderId}`;
}

function bucketOf(entry: LedgerEntry): number {
  return crc32(orderKey(entry)) % bucketCount;
}

function paymentDiffersFinding(key: string, difference: bigint): Finding {
  const slash = key.indexOf('/');
  const [accountId, orderId] = [key.slice(0, slash), key.slice(slash + 1)];
  const than = difference > 0n ? `${difference} minor units more` : `${-difference} minor units less`;
  return {
    reason: paymentDiffers.reason,
    ids: [orderId, accountId],
    message: `account ${accountId} was charged ${than} for order ${orderId} than its payment shows: one of the two has lost an event, or has one too many; restore it from a backup`,
  };
}
