import { uuidv7 } from '../../mesh/ids/ids.ts';
import type { Transaction } from '../../mesh/storage/storage.ts';
import type { RecordOutcome, ShipmentDeps } from './create-shipment.ts';
import { shippingEvent } from './events.ts';
import { cancelledBeforehand, type Shipment } from './shipment.ts';
import { insertShipment, moveShipment, requireShipment } from './store.ts';

/**
 * Cancels the shipment of an order, at the carrier too, where it may be known; one that was never asked for is marked, so
 * that no late booking succeeds.
 */
export type CancelShipment = (orderId: string, signal: AbortSignal) => Promise<RecordOutcome>;

export function createCancelShipment({ storage, carrier, outbox, clock }: ShipmentDeps): CancelShipment {
  const record = async (tx: Transaction, orderId: string): Promise<Shipment> => {
    const shipment = await moveShipment(tx, orderId, { from: ['CANCELLING'], to: 'CANCELLED', timeMs: clock.now() });
    if (shipment) await outbox.addEvent(tx, shippingEvent(shipment));
    return shipment ?? requireShipment(tx, orderId);
  };
  return async (orderId, signal) => {
    const noted = await storage.transaction((tx) => noteCancelled(tx, orderId, clock.now()));
    if (noted.state !== 'CANCELLING') return async () => noted;
    await carrier.cancel(orderId, signal);
    return (tx) => record(tx, orderId);
  };
}

/** A refused shipment stays refused: there is nothing to cancel. */
async function noteCancelled(tx: Transaction, orderId: string, timeMs: number): Promise<Shipment> {
  const tombstone = cancelledBeforehand(uuidv7(timeMs), orderId, timeMs);
  if (await insertShipment(tx, tombstone)) return tombstone;
  const cancelling = await moveShipment(tx, orderId, { from: ['PENDING', 'BOOKED'], to: 'CANCELLING', timeMs });
  return cancelling ?? requireShipment(tx, orderId);
}
