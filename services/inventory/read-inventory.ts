import type { Queryable } from '#mesh';
import type { Item } from './domain/item.ts';
import type { Reservation } from './domain/reservation.ts';
import { itemsNotFound, reservationNotFound } from './errors.ts';
import { findItem, findItems } from './store/item-store.ts';
import { findReservation } from './store/reservation-store.ts';

/** The item with this sku; refuses an unknown one. */
export async function getItem(db: Queryable, sku: string): Promise<Item> {
  const item = await findItem(db, sku);
  if (!item) throw itemsNotFound({ skus: [sku] });
  return item;
}

/** The items that exist, in the order asked for and once each, and the skus that do not. */
export async function batchGetItems(
  db: Queryable,
  skus: readonly string[],
): Promise<{ readonly items: Item[]; readonly missingSkus: string[] }> {
  const distinctSkus = [...new Set(skus)];
  const found = await findItems(db, distinctSkus);
  return {
    items: distinctSkus.flatMap((sku) => found.get(sku) ?? []),
    missingSkus: distinctSkus.filter((sku) => !found.has(sku)),
  };
}

/** The reservation of an order; refuses an order that is unknown here. */
export async function getReservation(db: Queryable, orderId: string): Promise<Reservation> {
  const reservation = await findReservation(db, orderId);
  if (!reservation) throw reservationNotFound({ orderId });
  return reservation;
}
