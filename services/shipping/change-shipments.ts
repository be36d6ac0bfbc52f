import { type Clock, type Outbox, type Storage, type Transaction, uuidv7 } from '#mesh';
import type { BookingOutcome, Carrier } from './carrier/carrier.ts';
import { carrierRefused, carrierUnavailable, shipmentCancelled, shipmentExists } from './errors.ts';
import { shippingEvent } from './events.ts';
import {
  cancelledBeforehand,
  isCancelled,
  isShipmentOf,
  mayHaveLateBooking,
  pendingShipment,
  type Shipment,
  type ShipmentOrder,
} from './shipment.ts';
import { getShipment, insertShipment, moveShipment } from './store.ts';

export interface ShippingDeps {
  readonly storage: Storage;
  readonly carrier: Carrier;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Runs `work` in a transaction that also stores its shipment as the response of the call, which it returns. */
export type Answer<Response> = (work: (tx: Transaction) => Promise<Shipment>) => Promise<Response>;

/**
 * Books the shipment of an order in three steps, so the next attempt recovers from a crash between any two: note that it is
 * wanted, call the carrier (which accepts an order id once), record the outcome with the response. The next attempt asks the
 * carrier what it has before it books. Throws if the order has another shipment, its shipment was cancelled, or the carrier
 * refuses it.
 */
export async function createShipment<Response>(
  order: ShipmentOrder,
  { signal, answer }: { readonly signal: AbortSignal; readonly answer: Answer<Response> },
  deps: ShippingDeps,
): Promise<Response> {
  const { storage, carrier, clock } = deps;
  const { isNew, shipment: wanted } = await storage.transaction((tx) => noteWanted(tx, order, clock.now()));
  if (wanted.state !== 'PENDING') {
    if (mayHaveLateBooking(wanted)) await carrier.cancel(order.orderId, signal);
    return await answer(async () => requireBooked(wanted));
  }
  const booking = { reference: order.orderId, address: order.address };
  const found = isNew ? undefined : await carrier.find(order.orderId, signal);
  const outcome = found ?? (await carrier.book(booking, signal));
  if (!outcome.taken) {
    const shipment = await storage.transaction((tx) => recordOutcome(tx, order.orderId, outcome, deps));
    return await answer(async () => requireBooked(shipment));
  }
  let isRecorded = false;
  try {
    return await answer(async (tx) => {
      const shipment = requireBooked(await recordOutcome(tx, order.orderId, outcome, deps));
      tx.afterCommit(() => {
        isRecorded = true;
      });
      return shipment;
    });
  } finally {
    // Another call with this request id was answered meanwhile, or this one failed. The carrier has the booking all the same,
    // perhaps since after its cancellation: nobody else would record or cancel it.
    if (!isRecorded) {
      const shipment = await storage.transaction((tx) => recordOutcome(tx, order.orderId, outcome, deps));
      if (shipment.state !== 'BOOKED') await carrier.cancel(order.orderId, signal);
    }
  }
}

/**
 * For a repeated CreateShipment: cancels what the carrier may have of a shipment that was cancelled since. Another attempt of
 * the call may have booked after the cancellation.
 */
export async function cancelLateBooking(
  orderId: string,
  signal: AbortSignal,
  { storage, carrier }: ShippingDeps,
): Promise<void> {
  if (isCancelled(await getShipment(storage, orderId))) await carrier.cancel(orderId, signal);
}

/**
 * Cancels the shipment of an order, and its booking if the carrier may have one. An order without a shipment gets a
 * cancelled one, so a late CreateShipment is refused; a refused shipment stays refused. If it is unknown what the carrier has,
 * that is looked up first, and kept.
 */
export async function cancelShipment(orderId: string, signal: AbortSignal, deps: ShippingDeps): Promise<Shipment> {
  const { storage, carrier } = deps;
  const noted = await storage.transaction((tx) => noteUnwanted(tx, orderId, deps));
  if (noted.state !== 'CANCELLING') return noted;
  const isUnclear = noted.trackingNumber === '';
  const found = isUnclear ? await carrier.find(orderId, signal).catch(undefinedIfUnavailable) : undefined;
  const isCancelledThere = found?.taken === false;
  if (!isCancelledThere) await carrier.cancel(orderId, signal);
  return storage.transaction((tx) => recordCancelled(tx, orderId, found, deps));
}

async function noteWanted(tx: Transaction, order: ShipmentOrder, timeMs: number) {
  const pending = pendingShipment(uuidv7(timeMs), order, timeMs);
  if (await insertShipment(tx, pending)) return { isNew: true, shipment: pending };
  const existing = await getShipment(tx, order.orderId);
  if (!isCancelled(existing) && !isShipmentOf(existing, order)) throw shipmentExists({ orderId: order.orderId });
  return { isNew: false, shipment: existing };
}

async function recordOutcome(
  tx: Transaction,
  orderId: string,
  outcome: BookingOutcome,
  { outbox, clock }: ShippingDeps,
): Promise<Shipment> {
  const shipment = await moveShipment(tx, orderId, { from: ['PENDING'], ...changeOf(outcome), timeMs: clock.now() });
  if (!shipment) return getShipment(tx, orderId);
  await outbox.addEvent(tx, shippingEvent(shipment));
  return shipment;
}

function changeOf(outcome: BookingOutcome) {
  return outcome.taken
    ? { to: 'BOOKED' as const, carrier: outcome.carrier, trackingNumber: outcome.trackingNumber }
    : { to: 'REFUSED' as const, refusal: outcome.refusal };
}

function requireBooked(shipment: Shipment): Shipment {
  if (shipment.state === 'BOOKED') return shipment;
  if (shipment.state === 'REFUSED') throw carrierRefused({ orderId: shipment.orderId, refusal: shipment.refusal });
  throw shipmentCancelled({ orderId: shipment.orderId });
}

async function noteUnwanted(tx: Transaction, orderId: string, { outbox, clock }: ShippingDeps): Promise<Shipment> {
  const timeMs = clock.now();
  // Before reading, because a shipment could be created in between.
  const tombstone = cancelledBeforehand(uuidv7(timeMs), orderId, timeMs);
  if (await insertShipment(tx, tombstone)) {
    await outbox.addEvent(tx, shippingEvent(tombstone));
    return tombstone;
  }
  const cancelling = await moveShipment(tx, orderId, { from: ['PENDING', 'BOOKED'], to: 'CANCELLING', timeMs });
  return cancelling ?? getShipment(tx, orderId);
}

/** Whatever the carrier has, it may be cancelled. */
function undefinedIfUnavailable(error: unknown): undefined {
  if (!carrierUnavailable.is(error)) throw error;
}

async function recordCancelled(
  tx: Transaction,
  orderId: string,
  found: BookingOutcome | undefined,
  { outbox, clock }: ShippingDeps,
): Promise<Shipment> {
  const booked = found?.taken ? { carrier: found.carrier, trackingNumber: found.trackingNumber } : {};
  const change = { from: ['CANCELLING'], to: 'CANCELLED', ...booked, timeMs: clock.now() } as const;
  const shipment = await moveShipment(tx, orderId, change);
  if (!shipment) return getShipment(tx, orderId);
  await outbox.addEvent(tx, shippingEvent(shipment));
  return shipment;
}
