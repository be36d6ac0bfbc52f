import { type FieldViolation, invalidRequest, type MeshError, type Transaction } from '#mesh';
import type { ChangingInventory } from './create-item.ts';
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
  reservationExists,
  reservationNotFound,
  reservationReleased,
} from './errors.ts';
import { reservationEvent } from './events.ts';
import { findItems, holdStock } from './store/item-store.ts';
import { findReservation, insertReservation } from './store/reservation-store.ts';

/** What an order needs. */
export interface StockRequest {
  readonly orderId: string;
  readonly items: readonly ReservationItem[];
}

/**
 * Reserves all items or none. An order that has reserved the same items before gets that reservation, whatever became of
 * it short of a release. Refuses a sku that comes twice, unknown items, items that are short, and an order whose
 * reservation was released or is of other items.
 */
export async function reserveStock(
  tx: Transaction,
  { orderId, items }: StockRequest,
  { outbox, clock }: ChangingInventory,
): Promise<Reservation> {
  const violations = findRepeatedSkus(items);
  if (violations.length > 0) throw invalidRequest(violations);
  const nowMs = clock.now();
  const reservation = newReservation(orderId, 'RESERVED', items, nowMs);
  if (!(await insertReservation(tx, reservation))) return reservedBefore(tx, orderId, items);
  const short: ReservationItem[] = [];
  for (const item of inSkuOrder(items)) {
    if (!(await holdStock(tx, { ...item, nowMs }))) short.push(item);
  }
  if (short.length > 0) throw await explainShortage(tx, short);
  await outbox.addEvent(tx, reservationEvent(reservation));
  return reservation;
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

async function reservedBefore(
  tx: Transaction,
  orderId: string,
  items: readonly ReservationItem[],
): Promise<Reservation> {
  const before = await findReservation(tx, orderId);
  if (!before) throw reservationNotFound({ orderId });
  if (before.state === 'RELEASED') throw reservationReleased({ orderId });
  if (!areSameItems(before.items, items)) throw reservationExists({ orderId });
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
