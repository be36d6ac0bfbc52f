import { type Transaction, uuidv7 } from '#mesh';
import type { ChangingShipments } from './create-shipment.ts';
import { shippingEvent } from './events.ts';
import { cancelledBeforehand, type Shipment } from './shipment.ts';
import { insertShipment, moveShipment, requireShipment } from './store.ts';

/**
 * Cancels the shipment of an order, at the carrier too where it may know of it. One that was never asked for is marked, so
 * that no late booking succeeds; a refused one stays refused.
 */
export async function cancelShipment(orderId: string, signal: AbortSignal, deps: ChangingShipments): Promise<Shipment> {
  const { storage, carrier } = deps;
  const noted = await storage.transaction((tx) => noteUnwanted(tx, orderId, deps));
  if (noted.state !== 'CANCELLING') return noted;
  await carrier.cancel(orderId, signal);
  return storage.transaction((tx) => recordCancelled(tx, orderId, deps));
}

async function noteUnwanted(tx: Transaction, orderId: string, { outbox, clock }: ChangingShipments): Promise<Shipment> {
  const timeMs = clock.now();
  // Before looking for a shipment, because one could be asked for in between.
  const tombstone = cancelledBeforehand(uuidv7(timeMs), orderId, timeMs);
  if (await insertShipment(tx, tombstone)) {
    await outbox.addEvent(tx, shippingEvent(tombstone));
    return tombstone;
  }
  const cancelling = await moveShipment(tx, orderId, { from: ['PENDING', 'BOOKED'], to: 'CANCELLING', timeMs });
  return cancelling ?? requireShipment(tx, orderId);
}

async function recordCancelled(
  tx: Transaction,
  orderId: string,
  { outbox, clock }: ChangingShipments,
): Promise<Shipment> {
  const shipment = await moveShipment(tx, orderId, { from: ['CANCELLING'], to: 'CANCELLED', timeMs: clock.now() });
  if (!shipment) return requireShipment(tx, orderId);
  await outbox.addEvent(tx, shippingEvent(shipment));
  return shipment;
}
