import type { Transaction } from '#mesh';
import type { ChangingInventory } from './create-item.ts';
import { inSkuOrder, type Reservation } from './domain/reservation.ts';
import { reservationReleased } from './errors.ts';
import { reservationEvent } from './events.ts';
import { getReservation } from './read-inventory.ts';
import { takeStock } from './store/item-store.ts';
import { endReservation } from './store/reservation-store.ts';

/** Takes what an order reserved out of the stock; committing again changes nothing. Refuses an order without a reservation, and a released one. */
export async function commitStock(
  tx: Transaction,
  orderId: string,
  { outbox, clock }: ChangingInventory,
): Promise<Reservation> {
  const nowMs = clock.now();
  const committed = await endReservation(tx, orderId, 'COMMITTED', nowMs);
  if (!committed) return committedBefore(tx, orderId);
  for (const item of inSkuOrder(committed.items)) await takeStock(tx, { ...item, nowMs });
  await outbox.addEvent(tx, reservationEvent(committed));
  return committed;
}

async function committedBefore(tx: Transaction, orderId: string): Promise<Reservation> {
  const before = await getReservation(tx, orderId);
  if (before.state === 'RELEASED') throw reservationReleased({ orderId });
  return before;
}
