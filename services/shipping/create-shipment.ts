import type { Outbox } from '../../mesh/events/outbox.ts';
import { uuidv7 } from '../../mesh/ids/ids.ts';
import type { Storage, Transaction } from '../../mesh/storage/storage.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
import type { BookingOutcome, Carrier } from './carrier/carrier.ts';
import { carrierRefused, shipmentCancelled, shipmentExists } from './errors.ts';
import { shippingEvent } from './events.ts';
import { isShipmentOf, pendingShipment, type Shipment, type ShipmentOrder } from './shipment.ts';
import { insertShipment, moveShipment, requireShipment } from './store.ts';

export interface ShipmentDeps {
  readonly storage: Storage;
  readonly carrier: Carrier;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Records what the carrier answered; to be run in the transaction that also keeps the answer for the caller. */
export type RecordOutcome = (tx: Transaction) => Promise<Shipment>;

/**
 * Books the shipment of an order in three steps, so that a crash between any two is made good by the next try: note that
 * it is wanted, ask the carrier (by the order's id, which it takes once), record the answer, which is left to the caller.
 */
export type CreateShipment = (order: ShipmentOrder, signal: AbortSignal) => Promise<RecordOutcome>;

export function createCreateShipment({ storage, carrier, outbox, clock }: ShipmentDeps): CreateShipment {
  const record = async (tx: Transaction, orderId: string, outcome: BookingOutcome): Promise<Shipment> => {
    const shipment = await moveShipment(tx, orderId, { from: ['PENDING'], ...changeOf(outcome), timeMs: clock.now() });
    if (shipment) await outbox.addEvent(tx, shippingEvent(shipment));
    return shipment ?? requireShipment(tx, orderId);
  };
  return async (order, signal) => {
    const wanted = await storage.transaction((tx) => noteWanted(tx, order, clock.now()));
    if (wanted.state !== 'PENDING') return async () => booked(wanted);
    const outcome = await carrier.book({ reference: order.orderId, address: order.address }, signal);
    if (outcome.taken) return async (tx) => booked(await record(tx, order.orderId, outcome));
    // A refusal fails the call, so it is recorded here, where that does not roll it back.
    const refused = await storage.transaction((tx) => record(tx, order.orderId, outcome));
    return async () => booked(refused);
  };
}

async function noteWanted(tx: Transaction, order: ShipmentOrder, timeMs: number): Promise<Shipment> {
  const pending = pendingShipment(uuidv7(timeMs), order, timeMs);
  if (await insertShipment(tx, pending)) return pending;
  const existing = await requireShipment(tx, order.orderId);
  const asked = existing.state !== 'CANCELLED' && existing.state !== 'CANCELLING';
  if (asked && !isShipmentOf(existing, order)) throw shipmentExists(order.orderId);
  return existing;
}

/** The shipment, if it is booked; the error that its state means otherwise. */
function booked(shipment: Shipment): Shipment {
  if (shipment.state === 'BOOKED') return shipment;
  if (shipment.state === 'REFUSED') throw carrierRefused(shipment.orderId, shipment.refusal);
  throw shipmentCancelled(shipment.orderId);
}

function changeOf(outcome: BookingOutcome) {
  return outcome.taken
    ? { to: 'BOOKED' as const, carrier: outcome.carrier, trackingNumber: outcome.trackingNumber }
    : { to: 'REFUSED' as const, refusal: outcome.refusal };
}
