import { type Clock, type Outbox, type Storage, type Transaction, uuidv7 } from '#mesh';
import type { BookingOutcome, Carrier } from './carrier/carrier.ts';
import { carrierRefused, shipmentCancelled, shipmentExists } from './errors.ts';
import { shippingEvent } from './events.ts';
import { isShipmentOf, pendingShipment, type Shipment, type ShipmentOrder } from './shipment.ts';
import { insertShipment, moveShipment, requireShipment } from './store.ts';

/** What changing shipments takes. */
export interface ChangingShipments {
  readonly storage: Storage;
  readonly carrier: Carrier;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/**
 * Books the shipment of an order in three steps, so that a crash between any two is made good by the next try: note that
 * it is wanted, ask the carrier (by the order's id, which it takes once), record the answer. Refuses an order that is
 * shipped otherwise, one whose shipment was cancelled, and what the carrier refuses.
 */
export async function createShipment(
  order: ShipmentOrder,
  signal: AbortSignal,
  deps: ChangingShipments,
): Promise<Shipment> {
  const { storage, carrier, clock } = deps;
  const wanted = await storage.transaction((tx) => noteWanted(tx, order, clock.now()));
  if (wanted.state !== 'PENDING') return requireBooked(wanted);
  const outcome = await carrier.book({ reference: order.orderId, address: order.address }, signal);
  const shipment = await storage.transaction((tx) => recordOutcome(tx, order.orderId, outcome, deps));
  // Cancelled while the carrier was asked, which may have heard of the booking last: nobody else would take it back.
  if (outcome.taken && shipment.state !== 'BOOKED') await carrier.cancel(order.orderId, signal);
  return requireBooked(shipment);
}

async function noteWanted(tx: Transaction, order: ShipmentOrder, timeMs: number): Promise<Shipment> {
  const pending = pendingShipment(uuidv7(timeMs), order, timeMs);
  if (await insertShipment(tx, pending)) return pending;
  const existing = await requireShipment(tx, order.orderId);
  const isCancelled = existing.state === 'CANCELLED' || existing.state === 'CANCELLING';
  if (!isCancelled && !isShipmentOf(existing, order)) throw shipmentExists({ orderId: order.orderId });
  return existing;
}

async function recordOutcome(
  tx: Transaction,
  orderId: string,
  outcome: BookingOutcome,
  { outbox, clock }: ChangingShipments,
): Promise<Shipment> {
  const shipment = await moveShipment(tx, orderId, { from: ['PENDING'], ...changeOf(outcome), timeMs: clock.now() });
  if (!shipment) return requireShipment(tx, orderId);
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
