import { type Queryable, readPages } from '#mesh';
import type { Item } from './domain/item.ts';
import type { Reservation, ReservationState } from './domain/reservation.ts';
import { itemsNotFound, reservationNotFound } from './errors.ts';
import { findItem, findItems, findItemsAfter } from './store/item-store.ts';
import { findReservation, findReservationsAfter } from './store/reservation-store.ts';

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

/**
 * Lists items in sku order, page by page, `limit` at most (0: all). It reads a page when the one before has been
 * consumed, and fails once `signal` aborts.
 */
export function listItems(
  db: Queryable,
  { afterSku, limit }: { readonly afterSku: string; readonly limit: number },
  signal: AbortSignal,
): AsyncGenerator<readonly Item[]> {
  return readPages({
    after: afterSku,
    limit,
    signal,
    fetch: (after, size) => findItemsAfter(db, after, size),
    cursorOf: (item) => item.sku,
  });
}

/** The reservation of an order; refuses an order that is unknown here. */
export async function getReservation(db: Queryable, orderId: string): Promise<Reservation> {
  const reservation = await findReservation(db, orderId);
  if (!reservation) throw reservationNotFound({ orderId });
  return reservation;
}

/** Which reservations are wanted; `undefined`: in any state. */
export interface ReservationList {
  readonly afterOrderId: string;
  readonly limit: number;
  readonly state: ReservationState | undefined;
}

/** Lists reservations in the order of their orders' ids, as `listItems` lists items. */
export function listReservations(
  db: Queryable,
  { afterOrderId, limit, state }: ReservationList,
  signal: AbortSignal,
): AsyncGenerator<readonly Reservation[]> {
  return readPages({
    after: afterOrderId,
    limit,
    signal,
    fetch: (after, size) => findReservationsAfter(db, after, state, size),
    cursorOf: (reservation) => reservation.orderId,
  });
}
