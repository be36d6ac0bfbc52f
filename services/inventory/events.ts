import { InventoryEvent } from '#gen/inventory/v1/events.ts';
import type { DomainEvent } from '#mesh';
import type { Item } from './domain/item.ts';
import type { Reservation } from './domain/reservation.ts';
import { itemToProto, reservationToProto } from './proto.ts';

/** Where changes are published: of items keyed by the sku, of reservations keyed by the order's id. */
export const inventoryTopic = 'inventory.events';

const reservationTypes = {
  RESERVED: 'STOCK_RESERVED',
  COMMITTED: 'STOCK_COMMITTED',
  RELEASED: 'STOCK_RELEASED',
} as const;

/** The event of an item's change other than by a reservation. */
export function itemEvent(type: 'ITEM_CREATED' | 'STOCK_ADJUSTED', item: Item): DomainEvent {
  const subject = { $case: 'item', value: itemToProto(item) } as const;
  return inventoryEvent(type, item.sku, item.eventVersion, item.updateTimeMs, subject);
}

/** The event of a reservation's change, named by the state it is in now. */
export function reservationEvent(reservation: Reservation): DomainEvent {
  const { state, orderId, version, updateTimeMs } = reservation;
  const subject = { $case: 'reservation', value: reservationToProto(reservation) } as const;
  return inventoryEvent(reservationTypes[state], orderId, version, updateTimeMs, subject);
}

function inventoryEvent(
  type: string,
  key: string,
  version: bigint,
  timeMs: number,
  subject: InventoryEvent['subject'],
): DomainEvent {
  const event: InventoryEvent = { type, timestamp: new Date(timeMs), subject, version };
  return { topic: inventoryTopic, key, type, version, timeMs, json: InventoryEvent.toJSON(event) };
}
