import { type FieldViolation, invalidRequest, type MeshError, type Transaction } from '#mesh';
import type { InventoryDeps } from './change-items.ts';
import {
  areSameItems,
  inSkuOrder,
  newReservation,
  type Reservation,
  type ReservationItem,
} from './domain/reservation.ts';
import {
  insufficientStock,
  itemsNotFound,
  reservationCommitted,
  reservationExists,
  reservationReleased,
} from './errors.ts';
import { reservationEvent } from './events.ts';
import { findItems, freeStock, holdStock, takeStock } from './store/item-store.ts';
import {
  endReservation,
  getReservation,
  insertReservation,
  insertReservationItems,
} from './store/reservation-store.ts';

export interface StockRequest {
  readonly orderId: string;
  readonly items: readonly ReservationItem[];
  readonly owner: string;
}

/**
 * Reserves all items or none. An order that has reserved the same items before gets that reservation, unless it was released.
 * Refuses repeated skus, unknown items, insufficient stock, and an order whose reservation was released, has other items or another owner.
 */
export async function reserveStock(
  tx: Transaction,
  request: StockRequest,
  { outbox, clock }: InventoryDeps,
): Promise<Reservation> {
  const { items } = request;
  const violations = findRepeatedSkus(items);
  if (violations.length > 0) throw invalidRequest(violations);
  const nowMs = clock.now();
  const reservation = newReservation(request, 'RESERVED', nowMs);
  if (!(await insertReservation(tx, reservation))) return reservedBefore(tx, request);
  // The statements run in this order, so two orders cannot wait for each other's items.
  const sorted = inSkuOrder(items);
  const held = await Promise.all(sorted.map((item) => holdStock(tx, { ...item, nowMs })));
  const short = sorted.filter((_, index) => !held[index]);
  if (short.length > 0) throw await explainShortage(tx, short);
  insertReservationItems(tx, reservation);
  await outbox.addEvent(tx, reservationEvent(reservation));
  return reservation;
}

/**
 * Takes what an order reserved out of the stock; committing again changes nothing. Throws NOT_FOUND
 * `RESERVATION_NOT_FOUND`, FAILED_PRECONDITION `RESERVATION_RELEASED`.
 */
export async function commitStock(
  tx: Transaction,
  orderId: string,
  { outbox, clock }: InventoryDeps,
): Promise<Reservation> {
  const nowMs = clock.now();
  const committed = await endReservation(tx, orderId, 'COMMITTED', nowMs);
  if (!committed) return committedBefore(tx, orderId);
  for (const item of inSkuOrder(committed.items)) takeStock(tx, { ...item, nowMs });
  await outbox.addEvent(tx, reservationEvent(committed));
  return committed;
}

/**
 * Releases what an order reserved. An order without a reservation gets a released one, so a late ReserveStock is refused;
 * releasing again changes nothing. Throws FAILED_PRECONDITION `RESERVATION_COMMITTED`.
 */
export async function releaseStock(
  tx: Transaction,
  orderId: string,
  { outbox, clock }: InventoryDeps,
): Promise<Reservation> {
  const nowMs = clock.now();
  // Before reading, because a reservation could be made in between.
  const tombstone = newReservation({ orderId, items: [], owner: '' }, 'RELEASED', nowMs);
  const isUnknown = await insertReservation(tx, tombstone);
  const released = isUnknown ? tombstone : await endReservation(tx, orderId, 'RELEASED', nowMs);
  if (!released) return releasedBefore(tx, orderId);
  for (const item of inSkuOrder(released.items)) freeStock(tx, { ...item, nowMs });
  await outbox.addEvent(tx, reservationEvent(released));
  return released;
}

function findRepeatedSkus(items: readonly ReservationItem[]): FieldViolation[] {
  const seen = new Set<string>();
  return items.flatMap(({ sku }, index) => {
    if (!seen.has(sku)) {
      seen.add(sku);
      return [];
    }
    return [{ field: `items[${index}].sku`, description: 'must not come twice' }];
  });
}

async function reservedBefore(tx: Transaction, { orderId, items, owner }: StockRequest): Promise<Reservation> {
  const before = await getReservation(tx, orderId);
  if (before.state === 'RELEASED') throw reservationReleased({ orderId });
  if (before.owner !== owner || !areSameItems(before.items, items)) throw reservationExists({ orderId });
  return before;
}

async function releasedBefore(tx: Transaction, orderId: string): Promise<Reservation> {
  const before = await getReservation(tx, orderId);
  if (before.state === 'COMMITTED') throw reservationCommitted({ orderId });
  return before;
}

async function committedBefore(tx: Transaction, orderId: string): Promise<Reservation> {
  const before = await getReservation(tx, orderId);
  if (before.state === 'RELEASED') throw reservationReleased({ orderId });
  return before;
}

async function explainShortage(tx: Transaction, short: readonly ReservationItem[]): Promise<MeshError> {
  const found = await findItems(
    tx,
    short.map(({ sku }) => sku),
  );
  const unknown = short.filter(({ sku }) => !found.has(sku)).map(({ sku }) => sku);
  if (unknown.length > 0) return itemsNotFound({ skus: unknown });
  const shortages = short.map(({ sku, quantity }) => {
    const item = found.get(sku);
    return { sku, requested: quantity, available: item ? item.onHand - item.reserved : 0n };
  });
  return insufficientStock({ shortages });
}
