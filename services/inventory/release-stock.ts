import type { Transaction } from '#mesh';
import type { ChangingInventory } from './create-item.ts';
import { inSkuOrder, newReservation, type Reservation } from './domain/reservation.ts';
import { reservationCommitted } from './errors.ts';
import { reservationEvent } from './events.ts';
import { getReservation } from './read-inventory.ts';
import { freeStock } from './store/item-store.ts';
import { endReservation, insertReservation } from './store/reservation-store.ts';

/**
 * Gives back what an order reserved. An order without a reservation gets a released one, so that a reserve that comes
 * late is refused; releasing again changes nothing. Refuses when the stock has left.
 */
export async function releaseStock(
  tx: Transaction,
  orderId: string,
  { outbox, clock }: ChangingInventory,
): Promise<Reservation> {
  const nowMs = clock.now();
  // Before looking for a reservation, because one could be made in between.
  const tombstone = newReservation(orderId, 'RELEASED', [], nowMs);
  const isUnknown = await insertReservation(tx, tombstone);
  const released = isUnknown ? tombstone : await endReservation(tx, orderId, 'RELEASED', nowMs);
  if (!released) return releasedBefore(tx, orderId);
  for (const item of inSkuOrder(released.items)) await freeStock(tx, { ...item, nowMs });
  await outbox.addEvent(tx, reservationEvent(released));
  return released;
}

async function releasedBefore(tx: Transaction, orderId: string): Promise<Reservation> {
  const before = await getReservation(tx, orderId);
  if (before.state === 'COMMITTED') throw reservationCommitted({ orderId });
  return before;
}
