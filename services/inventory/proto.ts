import {
  type Item as ItemMessage,
  type Reservation as ReservationMessage,
  ReservationState as StateMessage,
} from '#gen/inventory/v1/inventory.ts';
import type { Item } from './domain/item.ts';
import type { Reservation, ReservationState } from './domain/reservation.ts';

const states = {
  RESERVED: StateMessage.RESERVATION_STATE_RESERVED,
  COMMITTED: StateMessage.RESERVATION_STATE_COMMITTED,
  RELEASED: StateMessage.RESERVATION_STATE_RELEASED,
} as const satisfies Record<ReservationState, StateMessage>;

export function itemToProto(item: Item): ItemMessage {
  return {
    sku: item.sku,
    name: item.name,
    unitPrice: item.unitPrice,
    onHand: item.onHand,
    reserved: item.reserved,
    updateTime: new Date(item.updateTimeMs),
    etag: item.version.toString(),
  };
}

export function reservationToProto(reservation: Reservation): ReservationMessage {
  return {
    orderId: reservation.orderId,
    state: states[reservation.state],
    owner: reservation.owner,
    items: [...reservation.items],
    createTime: new Date(reservation.createTimeMs),
    updateTime: new Date(reservation.updateTimeMs),
  };
}

/** The state of a filter; undefined for any. */
export function reservationStateFromProto(state: StateMessage): ReservationState | undefined {
  for (const name of ['RESERVED', 'COMMITTED', 'RELEASED'] as const) if (states[name] === state) return name;
  return undefined;
}
