import { InventoryEvent } from '#gen/inventory/v1/events.ts';
import { type DomainEvent, defineTopic } from '#mesh';
import type { Item } from './domain/item.ts';
import type { Reservation } from './domain/reservation.ts';
import { itemToProto, reservationToProto } from './proto.ts';

/** Every change of an item, keyed by the sku, and of a reservation, keyed by the order's id. */
export const inventoryTopic = defineTopic('inventory.events', InventoryEvent, {
  key: ({ subject }) => (subject?.$case === 'item' ? subject.value.sku : (subject?.value.orderId ?? '')),
  version: ({ version }) => version,
});

const reservationTypes = {
  RESERVED: 'STOCK_RESERVED',
  COMMITTED: 'STOCK_COMMITTED',
  RELEASED: 'STOCK_RELEASED',
} as const;

/** The event of an item's change other than by a reservation. */
export function itemEvent(type: 'ITEM_CREATED' | 'STOCK_ADJUSTED', item: Item): DomainEvent {
  return inventoryTopic.event({
    type,
    timestamp: new Date(item.updateTimeMs),
    subject: { $case: 'item', value: itemToProto(item) },
    version: item.eventVersion,
  });
}

/** The event of a reservation's change, named by the state it is in now. */
export function reservationEvent(reservation: Reservation): DomainEvent {
  return inventoryTopic.event({
    type: reservationTypes[reservation.state],
    timestamp: new Date(reservation.updateTimeMs),
    subject: { $case: 'reservation', value: reservationToProto(reservation) },
    version: reservation.version,
  });
}
