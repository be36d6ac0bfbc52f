import type { EventStore, RecordedEvent } from '#mesh';
import { accountEventTypes, accountIdOf, isOfAccount } from '../streams/account-stream.ts';
import { isOfPayment, orderIdOf, paymentEventTypes } from '../streams/payment-stream.ts';

/** One side of a charge or a refund: what an event of the account, or of the payment, says of it. */
export interface LedgerEntry {
  readonly orderId: string;
  readonly accountId: string;
  /** What the account was charged, less what it got back; of a payment the other way round, so that both sum to zero. */
  readonly minorUnits: bigint;
}

const orderReference = 'order:';

/** What an event says was charged or given back, if it does. Refuses one that cannot be read. */
export async function readEntry(store: EventStore, event: RecordedEvent): Promise<LedgerEntry | undefined> {
  if (event.fault) throw event.fault;
  if (isOfAccount(event)) return entryOfAccount(event);
  return isOfPayment(event) ? await entryOfPayment(store, event) : undefined;
}

function entryOfAccount(event: RecordedEvent): LedgerEntry | undefined {
  const change = accountEventTypes.decode(event);
  if (change.type === 'ACCOUNT_OPENED') return undefined;
  const { counterpart, reference, amount, type } = change;
  if (!counterpart.startsWith('@sales') || !reference.startsWith(orderReference)) return undefined;
  const minorUnits = type === 'MONEY_WITHDRAWN' ? amount.minorUnits : -amount.minorUnits;
  return { orderId: reference.slice(orderReference.length), accountId: accountIdOf(event), minorUnits };
}

async function entryOfPayment(store: EventStore, event: RecordedEvent): Promise<LedgerEntry | undefined> {
  const change = paymentEventTypes.decode(event);
  if (change.type === 'PAYMENT_CHARGED') {
    return { orderId: orderIdOf(event), accountId: change.userId, minorUnits: -change.amount.minorUnits };
  }
  if (event.version === 1n) return undefined;
  // How much was given back its charge alone says.
  let charge: LedgerEntry | undefined;
  for await (const first of store.read(event.stream, { upTo: 1n })) charge = await readEntry(store, first);
  return charge && { ...charge, minorUnits: -charge.minorUnits };
}
