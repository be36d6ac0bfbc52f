import { setImmediate } from 'node:timers/promises';
import type { AuditCheck, AuditProgress, Finding } from '../../mesh/audit/audit.ts';
import type { EventStore, RecordedEvent } from '../../mesh/event-store/event-store.ts';
import type { Movement } from './account.ts';
import { accountEventTypes, accountIdOf, isOfAccount } from './stored-account.ts';
import { isOfPayment, orderIdOf, paymentEventTypes } from './stored-payment.ts';

const orderReference = 'order:';
const batchSize = 500;

/** What was taken for something, less what was given back, in minor units: by its payments, and by its account. */
interface Net {
  byPayments: bigint;
  byAccount: bigint;
}

/** One charge or refund, as a payment or an account tells of it. */
interface Charge {
  readonly orderId: string;
  readonly accountId: string;
  readonly side: keyof Net;
  readonly minorUnits: bigint;
}

/**
 * Checks that what payments say was charged is what accounts were charged, in both directions. Both are written in one
 * transaction, so all events up to a position agree: one pass adds up each account, a second finds the orders of those that
 * differ.
 */
export function auditCharges(store: EventStore): AuditCheck {
  return {
    name: 'payment/charges',
    async *run(progress: AuditProgress, signal: AbortSignal): AsyncGenerator<Finding> {
      const byAccount = await netsBy(store, ({ accountId }) => accountId, signal);
      progress.examined(byAccount.nets.size);
      const differing = new Set([...byAccount.nets].filter(([, net]) => differs(net)).map(([accountId]) => accountId));
      if (differing.size === 0) return;
      const keyOf = ({ accountId, orderId }: Charge) =>
        differing.has(accountId) ? `${accountId}/${orderId}` : undefined;
      const byOrder = await netsBy(store, keyOf, signal, byAccount.position);
      for (const [key, net] of byOrder.nets) if (differs(net)) yield paymentDiffers(key, net);
    },
  };
}

function differs({ byPayments, byAccount }: Net): boolean {
  return byPayments !== byAccount;
}

/** Adds up all charges up to a position, the last there is by default; those without a key are left out. */
async function netsBy(
  store: EventStore,
  keyOf: (charge: Charge) => string | undefined,
  signal: AbortSignal,
  upTo?: bigint,
): Promise<{ readonly nets: ReadonlyMap<string, Net>; readonly position: bigint }> {
  const nets = new Map<string, Net>();
  // Whose refund has to be told of without the amount: only its charge has that.
  const charged = new Map<string, Charge>();
  let position = 0n;
  for (;;) {
    signal.throwIfAborted();
    const events = await store.readAll(position, batchSize);
    for (const event of events) {
      if (upTo !== undefined && event.position > upTo) return { nets, position: upTo };
      const charge = chargeOf(event, charged);
      const key = charge && keyOf(charge);
      if (charge === undefined || key === undefined) continue;
      const net = nets.get(key) ?? { byPayments: 0n, byAccount: 0n };
      net[charge.side] += charge.minorUnits;
      nets.set(key, net);
    }
    if (events.length === 0) return { nets, position };
    position = events.at(-1)?.position ?? position;
    // SQLite answers within the turn.
    await setImmediate();
  }
}

function chargeOf(event: RecordedEvent, charged: Map<string, Charge>): Charge | undefined {
  // What is damaged is told of by the check of its stream; here it shows as a difference.
  if (event.fault) return undefined;
  if (isOfAccount(event)) return movementCharge(event);
  if (!isOfPayment(event)) return undefined;
  const orderId = orderIdOf(event);
  const change = paymentEventTypes.decode(event);
  if (change.type === 'PAYMENT_REFUNDED') {
    const before = charged.get(orderId);
    charged.delete(orderId);
    return before && { ...before, minorUnits: -before.minorUnits };
  }
  const { userId: accountId, amount } = change;
  const charge: Charge = { orderId, accountId, side: 'byPayments', minorUnits: amount.minorUnits };
  charged.set(orderId, charge);
  return charge;
}

function movementCharge(event: RecordedEvent): Charge | undefined {
  const change = accountEventTypes.decode(event);
  if (change.type === 'ACCOUNT_OPENED' || !isForOrder(change)) return undefined;
  const { minorUnits: amount } = change.amount;
  return {
    orderId: change.reference.slice(orderReference.length),
    accountId: accountIdOf(event),
    side: 'byAccount',
    minorUnits: change.type === 'MONEY_WITHDRAWN' ? amount : -amount,
  };
}

function isForOrder({ counterpart, reference }: Movement): boolean {
  return counterpart.startsWith('@sales') && reference.startsWith(orderReference);
}

function paymentDiffers(key: string, { byPayments, byAccount }: Net): Finding {
  const slash = key.indexOf('/');
  const [accountId, orderId] = [key.slice(0, slash), key.slice(slash + 1)];
  return {
    reason: 'PAYMENT_DIFFERS',
    ids: [orderId, accountId],
    message: `account ${accountId} was charged ${byAccount} minor units for order ${orderId}, but the payment says ${byPayments}: one of the two lost an event; restore it from a backup`,
  };
}
